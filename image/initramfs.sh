# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The initramfs: two archives one behind the other, as the kernel reads them. The first holds what comes from Debian (modules and
# firmware) and is kept in the cache; the second, small one holds berth-bootstrap as /init, its libraries, ipconfig and the image key.

# pack TREE FILE LEVEL: a compressed newc archive whose bytes depend on names, modes and contents only.
pack() {
    find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    (cd "$1" && find . -mindepth 1 -print0 | LC_ALL=C sort -z |
        cpio --null --quiet -o -H newc --reproducible -R 0:0 | zstd -q -"$3" -T"$jobs") >"$2"
    # The kernel skips zeros up to the next archive; whole pages make that one easy to find for people too.
    truncate -s %4096 "$2"
}

modules_dir() { (cd "$debian_root/usr/lib/modules" && echo *); }

make_debian_initramfs() {
    local key tree kernel module firmware_file
    kernel=$(modules_dir)
    key=$({
        echo "${debian_root##*/} $firmware"
        cat "$image/initramfs.sh" "$image/initramfs-modules.list" "$image/initramfs_modules.py"
    } | digest)
    debian_initramfs=$cache/initramfs-$key.cpio.zst
    [ ! -e "$debian_initramfs" ] || return 0
    prune initramfs "$debian_initramfs"
    say "initramfs, Debian's part"
    tree=$work/initramfs-debian
    rm -rf "$tree"
    install -d "$tree"/{dev,proc,sys,run,tmp,etc,usr/bin,usr/lib,usr/lib64} "$tree/usr/lib/modules/$kernel"
    ln -s usr/bin "$tree/bin" && ln -s usr/bin "$tree/sbin" && ln -s usr/lib "$tree/lib" && ln -s usr/lib64 "$tree/lib64" && ln -s bin "$tree/usr/sbin"
    while IFS= read -r module; do
        install -D -m 0644 "$debian_root/usr/lib/modules/$kernel/$module" "$tree/usr/lib/modules/$kernel/$module"
    done < <(/usr/bin/python3 "$image/initramfs_modules.py" "$debian_root/usr/lib/modules/$kernel" "$image/initramfs-modules.list" || die "initramfs-modules.list")
    cp "$debian_root/usr/lib/modules/$kernel"/modules.{order,builtin,builtin.modinfo} "$tree/usr/lib/modules/$kernel/"
    depmod -b "$tree" "$kernel"
    if [ -n "$firmware" ]; then
        while IFS= read -r firmware_file; do
            [ -e "$debian_root/usr/lib/firmware/$firmware_file" ] || continue
            install -D -m 0644 "$debian_root/usr/lib/firmware/$firmware_file" "$tree/usr/lib/firmware/$firmware_file"
        done < <(find "$tree/usr/lib/modules" -name '*.ko' -exec modinfo -F firmware {} + | LC_ALL=C sort -u)
    fi
    SOURCE_DATE_EPOCH=$epoch_for_debian pack "$tree" "$debian_initramfs.new" 12
    mv "$debian_initramfs.new" "$debian_initramfs"
    rm -rf "$tree"
}

make_initramfs() {
    make_debian_initramfs
    say "initramfs"
    local tree=$work/initramfs file ipconfig=/usr/lib/klibc/bin/ipconfig
    rm -rf "$tree"
    install -d "$tree"/{etc/berth,usr/bin,usr/lib/klibc/bin,usr/lib64}
    install -m 0755 "$work/programs/usr/libexec/berth/berth-bootstrap" "$tree/init"
    install -m 0755 "$debian_root$ipconfig" "$tree$ipconfig"
    install -m 0644 "$public_key" "$tree/etc/berth/image.pub"
    echo "$version" >"$tree/etc/berth/image.version"
    if [ -n "$debug_shell" ]; then
        : >"$tree/etc/berth/debug-shell"
        install -m 0755 "$(command -v busybox)" "$tree/usr/bin/busybox"
        ln -s busybox "$tree/usr/bin/sh"
    fi
    # Libraries are the root's own, so both run the same versions; they lie behind the first archive's links.
    install -D -m 0755 "$tree/init" "$work/root/usr/libexec/berth/.init"
    while IFS= read -r file; do
        install -D -m 0755 "$(readlink -f "$work/root$file")" "$tree$(sed -E 's,^/(lib|lib64)/,/usr/\1/,' <<<"$file")"
    done < <(/usr/bin/python3 "$image/elf_closure.py" "$work/root" /usr/libexec/berth/.init "$ipconfig" || die "the root lacks libraries of berth-bootstrap")
    rm -f "$work/root/usr/libexec/berth/.init"
    pack "$tree" "$work/initramfs.own" 12
    cat "$debian_initramfs" "$work/initramfs.own" >"$work/initrd.img"
}
