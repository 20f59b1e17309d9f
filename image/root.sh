# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The appliance's root: a hard-link copy of Debian's part, overlay/, our programs, our users, our choice of units; then a squashfs.

# put SOURCE_DIR TREE: lays a folder over the tree. Owner, modes and old hard links do not matter: only a file's x bit does.
put() {
    local path
    (cd "$1" && find . -mindepth 1 -type d -printf '%P\n') | while IFS= read -r path; do
        [ -d "$2/$path" ] || install -d -m 0755 "$2/$path"
    done
    (cd "$1" && find . \( -type f -o -type l \) -printf '%P\n') | while IFS= read -r path; do
        rm -f "$2/$path"
        if [ -L "$1/$path" ]; then
            cp -P "$1/$path" "$2/$path"
        elif [ -x "$1/$path" ]; then
            install -m 0755 "$1/$path" "$2/$path"
        else
            install -m 0644 "$1/$path" "$2/$path"
        fi
    done
}

# edit TREE PATH SED...: changes a file without touching the other names of its inode.
edit() {
    local file=$1/$2
    shift 2
    sed "$@" "$file" >"$file.new"
    chmod --reference="$file" "$file.new"
    chown --reference="$file" "$file.new"
    mv "$file.new" "$file"
}

add_users() {
    local tree=$1 name number groups group
    while read -r name number groups; do
        edit "$tree" etc/passwd -e "\$a $name:x:$number:$number::/nonexistent:/usr/sbin/nologin"
        edit "$tree" etc/group -e "\$a $name:x:$number:"
        edit "$tree" etc/shadow -e "\$a $name:!*:19700::::::"
        edit "$tree" etc/gshadow -e "\$a $name:!*::"
        for group in ${groups//,/ }; do
            [ "$group" != - ] || continue
            edit "$tree" etc/group -E -e "s/^($group:x:[0-9]+:)\$/\\1$name/;t" -e "s/^($group:x:.*)\$/\\1,$name/"
        done
    done < <(list "$image/users.list")
    # Nobody logs in as root.
    edit "$tree" etc/shadow -e 's/^root:[^:]*:/root:!*:/'
    edit "$tree" etc/passwd -e 's,^\(root:.*\):[^:]*$,\1:/usr/sbin/nologin,'
}

choose_units() {
    local tree=$1 verb a b dir=$1/etc/systemd/system
    # Debian's own choice first goes away: what runs is what units.list says.
    rm -rf "$dir/getty.target.wants" "$dir/timers.target.wants" "$dir/multi-user.target.wants" "$dir/sysinit.target.wants" "$dir/sockets.target.wants"
    while read -r verb a b; do
        case $verb in
            enable)
                install -d -m 0755 "$dir/$a"
                if [ -e "$dir/$b" ]; then
                    ln -sf "../$b" "$dir/$a/$b"
                elif [ -e "$tree/usr/lib/systemd/system/$b" ]; then
                    ln -sf "/lib/systemd/system/$b" "$dir/$a/$b"
                else
                    die "units.list: there is no unit $b in the root"
                fi
                ;;
            mask) ln -sf /dev/null "$dir/$a" ;;
            keep) ;;
            *) die "units.list: $verb" ;;
        esac
    done < <(list "$image/units.list" ${debug_shell:+"$image/units-debug.list"})
    install -d -m 0755 "$tree/etc/systemd/system-generators"
    while read -r a; do ln -sf /dev/null "$tree/etc/systemd/system-generators/$a"; done < <(list "$image/generators.list")
    ln -sf /lib/systemd/system/multi-user.target "$dir/default.target"
}

# check_units TREE: what a boot would start, and every generator, has been looked at: it is in the lists.
check_units() {
    local tree=$1 unknown
    unknown=$({
        find "$tree"/{usr/lib,etc}/systemd/system -path '*.target.wants/*' -o -path '*.target.requires/*' | grep -v '/initrd[^/]*\.target\.' | sed 's,.*/,,'
    } | LC_ALL=C sort -u | LC_ALL=C comm -23 - <(list "$image/units.list" "$image/units-debug.list" | awk '{ print $NF }' | LC_ALL=C sort -u))
    [ -z "$unknown" ] || die "image/units.list does not name these, which a boot would start: $(paste -sd' ' <<<"$unknown")"
    unknown=$(find "$tree/usr/lib/systemd/system-generators" -type f -o -type l | sed 's,.*/,,' | LC_ALL=C sort -u | LC_ALL=C comm -23 - <(list "$image/generators.list"))
    [ -z "$unknown" ] || die "image/generators.list does not name $(paste -sd' ' <<<"$unknown")"
}

# install_programs TREE: what the release build installs, without the server's and the build's own programs.
install_programs() {
    local name
    install_release "$1"
    for name in berth-provisioner berthctl berth-image; do rm -f "$1/usr/bin/$name"; done
    rm -rf "$1/usr/share/berth" "$1/usr/include"
    rm -f "$1/usr/libexec/berth/berth-bootstrap" "$1/usr/lib/systemd/system/berth-provisioner.service"
}

# check_libraries TREE PROGRAM...: each must find all its libraries in the root.
check_libraries() {
    /usr/bin/python3 "$image/elf_closure.py" "$@" >/dev/null || die "the root lacks libraries that our programs need: add their packages to image/packages.list"
}

# add_gl TREE: the compositor that draws with GL. Mesa's drivers, which nothing is linked with, must be there, and their libraries.
add_gl() {
    local tree=$1
    put "$image/gl" "$tree"
    local -a drivers
    mapfile -t drivers < <(find "$tree"/usr/lib/x86_64-linux-gnu/{dri,gbm} "$tree/usr/lib/x86_64-linux-gnu/libEGL_mesa.so.0" -name '*.so*' 2>/dev/null | sed "s,^$tree,," | LC_ALL=C sort)
    [[ " ${drivers[*]} " = */libEGL_mesa.so.0\ * && " ${drivers[*]} " = */@(dri|gbm)/* ]] || die "--gl: the root has no drivers of Mesa's"
    check_libraries "$tree" "${drivers[@]}"
}

make_root() {
    local tree=$work/root
    say "root"
    rm -rf "$tree"
    # Hard links cost a second; another file system takes a copy.
    cp -al "$debian_root" "$tree" 2>/dev/null || { rm -rf "$tree" && cp -a "$debian_root" "$tree"; }
    # The kernel is booted from outside the root.
    cp "$tree"/boot/vmlinuz-* "$work/vmlinuz"
    rm -rf "${tree:?}/boot"/*
    put "$root/overlay" "$tree"
    if [ -n "$debug_shell" ]; then put "$image/debug" "$tree"; fi
    install_programs "$tree"
    add_users "$tree"
    choose_units "$tree"
    check_units "$tree"
    install -d -m 0755 "$tree/var/lib/berth" "$tree/etc/libvirt/qemu/networks/autostart"
    rm -f "$tree/etc/libvirt/qemu/networks/default.xml" "$tree/etc/libvirt/qemu/networks/autostart/default.xml"
    ln -sf ../berth-nat.xml "$tree/etc/libvirt/qemu/networks/autostart/berth-nat.xml"
    rm -f "$tree/etc/fstab"
    printf 'berth\n' >"$tree/etc/hostname.new" && mv "$tree/etc/hostname.new" "$tree/etc/hostname"
    printf 'IMAGE_ID=berth\nIMAGE_VERSION=%s\n' "$version" >"$work/os-release"
    edit "$tree" usr/lib/os-release -e "\$r $work/os-release"
    # What it is made of, to the version.
    install -d -m 0755 "$tree/usr/share/berth"
    # shellcheck disable=SC2016  # dpkg's own placeholders
    dpkg-query --admindir="$debian_root/var/lib/dpkg" -W -f '${Package} ${Version}\n' | LC_ALL=C sort -u >"$work/packages"
    install -m 0644 "$work/packages" "$tree/usr/share/berth/packages"
    local -a programs
    mapfile -t programs < <(find "$tree/usr/libexec/berth" "$tree/usr/lib/berth" -type f -perm -u+x -o -name '*.so' -path '*berth*' | sed "s,^$tree,," | LC_ALL=C sort)
    check_libraries "$tree" "${programs[@]}"
    if [ -n "$gl" ]; then add_gl "$tree"; fi
    make_squashfs "$tree" "$work/root.squashfs"
}

# make_squashfs DIR FILE: level 9 is within a hundredth of the smallest size and takes a third of the time of 12.
make_squashfs() {
    rm -f "$2"
    env -u SOURCE_DATE_EPOCH mksquashfs "$1" "$2" -noappend -no-progress -quiet -no-xattrs -no-exports -comp zstd -Xcompression-level 9 -b 256K \
        -mkfs-time "$SOURCE_DATE_EPOCH" -all-time "$SOURCE_DATE_EPOCH" -processors "$jobs" >&2
}
