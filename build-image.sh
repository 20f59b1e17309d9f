#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds the appliance: out/vmlinuz out/initrd.img out/root.squashfs out/manifest.json out/manifest.json.minisig, and out/image, the folder
# that a provisioner serves. See usage below and README.md.
set -euo pipefail
umask 022
# The compiler's cache tells LANG apart, whatever LC_ALL says.
export LC_ALL=C.UTF-8 LANG=C.UTF-8 TZ=UTC
unset LANGUAGE

root=$(cd "$(dirname "$0")" && pwd)
image=$root/image
cache=$root/out/cache
out=$root/out
mirror='' firmware='' site='' debug_shell='' refresh='' demo='' only_programs='' version=''
demo_arguments=()
jobs=$(nproc)
suite=

usage() {
    cat <<'END'
usage: build-image.sh [OPTION]...
  --demo            afterwards show it: provisioner, file server and a virtual workstation, in this terminal
  --demo-dir DIR    where the demo keeps its files (default: out/demo)
  --site DIR        also build the site archive from DIR (laid out like the root), signed with the same key
  --firmware        add Debian's non-free firmware for network, storage and graphics
  --mirror URL      take packages from this Debian mirror
  --version N       the image's version (default: the number of commits); clients refuse to go back
  --out DIR         leave the files there (default: out)
  --jobs N          processors to use (default: all)
  --only-programs   stop when what this machine needs is installed and our programs are built
  --refresh         ask the mirror for new packages now, not only twice a day
  --debug-shell     LABORATORY ONLY: a root shell without a password on the second serial line
END
}

check_mirror() {
    [[ $mirror =~ ^(https?|file|copy):/[!-~]+$ ]] || die "--mirror $mirror: must be a URL that apt takes, such as http://deb.debian.org/debian"
}

parse() {
    while [ $# -gt 0 ]; do
        case $1 in
            --demo) demo=yes ;;
            --demo-dir) demo_arguments+=(--dir "${2:?--demo-dir needs a folder}") && shift ;;
            --site) site=$(readlink -f "${2:?--site needs a folder}") && shift ;;
            --firmware) firmware=yes ;;
            --mirror) mirror=${2:?--mirror needs a URL} && shift && check_mirror ;;
            --version) version=${2:?--version needs a number} && shift ;;
            --out) out=$(readlink -m "${2:?--out needs a folder}") && shift ;;
            --jobs) jobs=${2:?--jobs needs a number} && shift ;;
            --only-programs) only_programs=yes ;;
            --refresh) refresh=yes ;;
            --debug-shell) debug_shell=yes ;;
            -h | --help) usage && exit 0 ;;
            *) usage >&2 && exit 2 ;;
        esac
        shift
    done
}

# shellcheck source=image/common.sh
. "$image/common.sh"
# shellcheck source=image/debian-root.sh
. "$image/debian-root.sh"
# shellcheck source=image/programs.sh
. "$image/programs.sh"
# shellcheck source=image/root.sh
. "$image/root.sh"
# shellcheck source=image/initramfs.sh
. "$image/initramfs.sh"
# shellcheck source=image/sign.sh
. "$image/sign.sh"
# shellcheck source=image/site.sh
. "$image/site.sh"

prepare() {
    [ "$(id -u)" = 0 ] || die "must run as root: a Debian root with its owners and modes is made here"
    [ "$(dpkg --print-architecture)" = amd64 ] || die "builds for amd64 on amd64 only"
    "$root/tests/install-packages" "$image/packages.$([ -n "$demo" ] && echo demo || echo host)" >&2
    # shellcheck disable=SC1091
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    # The same sources give the same bytes, whenever and wherever they are built.
    if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
        SOURCE_DATE_EPOCH=$(git -c safe.directory="$root" -C "$root" log -1 --format=%ct 2>/dev/null || echo "$epoch_for_debian")
    fi
    export SOURCE_DATE_EPOCH
    [ -n "$version" ] || version=$(git -c safe.directory="$root" -C "$root" rev-list --count HEAD 2>/dev/null || echo 1)
    [[ $version =~ ^[1-9][0-9]*$ ]] || die "--version $version: a whole number from 1"
    mkdir -p "$cache" "$out"
    work=$out/work
    lock_cache
    # Published files are hard links to what is made here: never written to again.
    rm -rf "$work"
    mkdir -p "$work"
}

main() {
    parse "$@"
    prepare
    build_programs
    if [ -n "$only_programs" ]; then exit; fi
    make_key
    make_debian_root
    make_root
    make_initramfs
    # Firmware is large and asked for: 350 MB is what the plain image may have.
    limit "$([ -n "$firmware" ] && echo 500 || echo 350)" root.squashfs "$work/root.squashfs"
    limit 60 "vmlinuz and initrd.img" "$work/vmlinuz" "$work/initrd.img"
    publish image "$out/image" "$work/vmlinuz" "$work/initrd.img" "$work/root.squashfs"
    local file
    for file in vmlinuz initrd.img root.squashfs; do ln -f "$work/$file" "$out/$file"; done
    cp "$out/image/manifest.json" "$out/image/manifest.json.minisig" "$out/"
    if [ -n "$site" ]; then make_site "$site" "$work/root.squashfs"; fi
    rm -rf "$work/root" "$work/initramfs" "$work/site"
    say "image $version: $(stat -c '%n %s' "$out/vmlinuz" "$out/initrd.img" "$out/root.squashfs" | sed "s,^$out/,," | tr '\n' ' ')"
    exec 9>&-
    export BERTH_MIRROR=$mirror
    if [ -n "$demo" ]; then exec "$image/demo/run" --image "$out/image" "${demo_arguments[@]}"; fi
}

main "$@"
