#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds the appliance: out/vmlinuz out/initrd.img out/root.squashfs out/manifest.json out/manifest.json.minisig, and out/image, the folder
# that a provisioner serves; and out/berth-server.deb, the provisioner itself. See usage below and README.md.
set -euo pipefail
shopt -s extglob
umask 022
# The compiler's cache tells LANG apart, whatever LC_ALL says.
export LC_ALL=C.UTF-8 LANG=C.UTF-8 TZ=UTC
unset LANGUAGE

root=$(cd "$(dirname "$0")" && pwd)
image=$root/image
cache=$root/out/cache
out=$root/out
mirror='' firmware='' gl='' site='' debug_shell='' refresh='' demo='' screen='' only_programs='' version=''
demo_dir=
jobs=$(nproc)
suite=''

usage() {
    cat <<'END'
usage: build-image.sh [OPTION]...
  --suite SUITE     the Debian it is made of: trixie (default) or bookworm
  --demo            afterwards show it: provisioner, file server and a virtual workstation, in this terminal
  --screen          with --demo: the workstation has a monitor, which a VNC viewer shows
  --demo-dir DIR    where the demo keeps its files (default: out/demo)
  --site DIR        also build the site archive from DIR (laid out like the root), signed with the same key
  --firmware        add Debian's non-free firmware for network, storage and graphics
  --gl              the guest's screen is drawn by the graphics card (Mesa's drivers, which make the image larger), or without it where that fails
  --mirror URL      take packages from this Debian mirror
  --version N       the image's version (default: the number of commits); clients refuse to go back
  --out DIR         leave the files there (default: out)
  --jobs N          processors to use (default: all)
  --only-programs   stop when the root of tools is made and our programs are built
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
            --suite) suite=${2:?--suite needs a name} && shift && known_suite "$suite" ;;
            --demo) demo=yes ;;
            --screen) screen=yes ;;
            --demo-dir) demo_dir=$(readlink -m "${2:?--demo-dir needs a folder}") && mkdir -p "$demo_dir" && shift ;;
            --site) site=$(readlink -f "${2:?--site needs a folder}") && shift ;;
            --firmware) firmware=yes ;;
            --gl) gl=yes ;;
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
# shellcheck source=image/tool-root.sh
. "$image/tool-root.sh"
# shellcheck source=image/programs.sh
. "$image/programs.sh"
# shellcheck source=image/root.sh
. "$image/root.sh"
# shellcheck source=image/changes.sh
. "$image/changes.sh"
# shellcheck source=image/server.sh
. "$image/server.sh"
# shellcheck source=image/initramfs.sh
. "$image/initramfs.sh"
# shellcheck source=image/sign.sh
. "$image/sign.sh"
# shellcheck source=image/site.sh
. "$image/site.sh"

# All that is compiled and put together is so in a root of tools; this script starts itself again there.
enter_tools() {
    [ "$(id -u)" = 0 ] || die "must run as root: a Debian root with its owners and modes is made here"
    [ "$(dpkg --print-architecture)" = amd64 ] || die "builds for amd64 on amd64 only"
    if [ -n "${BERTH_TOOLS_OF:-}" ]; then
        [ "$BERTH_TOOLS_OF" = "$suite" ] || die "--suite $suite: this is a root of tools of $BERTH_TOOLS_OF"
        return 0
    fi
    check_key_dir
    "$root/tests/install-packages" "$image/packages.host" >&2
    make_tool_root "$image/packages.$([ -n "$demo" ] && echo demo || echo builder)"
    local folder
    local -a binds=()
    mkdir -p "$out"
    for folder in "$out" "$site" "$demo_dir"; do [ -z "$folder" ] || binds+=(--bind "$folder"); done
    case $mirror in file:/* | copy:/*) folder=${mirror#*:} && binds+=(--bind "/${folder##*(/)}") ;; esac
    in_tool_root "${binds[@]}" "$root/build-image.sh" --suite "$suite" --out "$out" --jobs "$jobs" ${demo:+--demo} ${screen:+--screen} ${demo_dir:+--demo-dir "$demo_dir"} \
        ${site:+--site "$site"} ${firmware:+--firmware} ${gl:+--gl} ${mirror:+--mirror "$mirror"} ${version:+--version "$version"} \
        ${only_programs:+--only-programs} ${refresh:+--refresh} ${debug_shell:+--debug-shell}
}

prepare() {
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
    enter_tools
    prepare
    build_programs
    if [ -n "$only_programs" ]; then exit; fi
    make_key
    make_debian_root
    make_root
    make_initramfs
    make_server_package
    # Firmware is large and asked for: 350 MB is what the plain image may have.
    limit "$([ -n "$firmware" ] && echo 500 || echo 350)" root.squashfs "$work/root.squashfs"
    limit 60 "vmlinuz and initrd.img" "$work/vmlinuz" "$work/initrd.img"
    publish image "$out/image" "$work/vmlinuz" "$work/initrd.img" "$work/root.squashfs"
    local file
    tell_changes "$out/packages" "$work/packages"
    for file in vmlinuz initrd.img root.squashfs packages; do ln -f "$work/$file" "$out/$file"; done
    cp "$out/image/manifest.json" "$out/image/manifest.json.minisig" "$out/"
    if [ -n "$site" ]; then make_site "$site" "$work/root.squashfs"; fi
    rm -rf "$work/root" "$work/initramfs" "$work/site"
    say "image $version: $(stat -c '%n %s' "$out/vmlinuz" "$out/initrd.img" "$out/root.squashfs" | sed "s,^$out/,," | tr '\n' ' ')"
    exec 9>&-
    export BERTH_MIRROR=$mirror
    if [ -n "$demo" ]; then exec "$image/demo/run" ${screen:+--screen} --image "$out/image" ${demo_dir:+--dir "$demo_dir"}; fi
}

main "$@"
