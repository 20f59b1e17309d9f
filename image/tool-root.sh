# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The root of tools: a Debian of the image's suite, made by mmdebstrap from one list of packages and kept in out/cache under a hash of what goes
# in. Everything that is compiled, put together or tested here is so in there (docs/decisions/0015); the host's libraries play no part.
# Needs common.sh and debian-root.sh.

# make_tool_root LIST: sets tool_root to the folder that holds it.
tool_root=
make_tool_root() {
    local names
    local -a packages
    names=$("$root/tests/install-packages" --suite "$suite" --names "$1") || die "$1 cannot be read"
    mapfile -t packages <<<"$names"
    # Who only enters waits for no build.
    if [ -z "$refresh$mirror" ] && find_tool_root "${packages[@]}"; then return 0; fi
    lock_cache
    apt_setup
    resolved '?priority(required)' apt "${packages[@]}" >"$apt_dir/resolved.new"
    [ -s "$apt_dir/resolved.new" ] || die "apt cannot resolve the packages of $1 (try: APT_CONFIG=$apt_dir/etc/apt.conf apt-get -s install ${packages[*]})"
    find "$apt_dir" -maxdepth 1 -name 'resolved-*' -mtime +1 -delete
    mv "$apt_dir/resolved.new" "$(resolved_file "${packages[@]}")"
    if ! find_tool_root "${packages[@]}"; then
        prune tools "$tool_root"
        say "root of tools: Debian $suite for ${1##*/} (some minutes; kept in $tool_root)"
        install_tools "$tool_root.new" "${packages[@]}"
        rm -rf "$tool_root"
        mv "$tool_root.new" "$tool_root"
        touch "$tool_root.done"
    fi
    exec 9>&-
}

# resolved_file PACKAGE...: where apt's answer for them is kept, while neither they nor the archives' lists are others.
resolved_file() { echo "$apt_dir/resolved-$(printf '%s\n' "$@" "$(stat -c %y "$apt_dir/updated")" | digest)"; }

# find_tool_root PACKAGE...: sets tool_root, as far as apt's lists of today tell which it is; false where it is not made.
find_tool_root() {
    local versions
    apt_dir=$cache/apt-$suite
    fresh_lists || return 1
    versions=$(cat "$(resolved_file "$@")" 2>/dev/null) || return 1
    tool_root=$cache/tools-$({
        printf '%s\n' "$versions" "$@"
        declare -f install_tools
        cat "$image/unpack-modules"
    } | digest)
    [ -e "$tool_root.done" ] || return 1
    touch "$tool_root"
}

install_tools() { # DIR PACKAGE...
    local dir=$1
    shift
    local -a sources
    mapfile -t sources <"$apt_dir/etc/sources.list"
    our_apt -q autoclean >&2
    our_apt -q -y -d install '?priority(required)' apt "$@" >&2
    rm -rf "$dir"
    # Services are installed, never started; nobody boots it, so its kernel (for tests' guests) needs no initramfs.
    DEBIAN_FRONTEND=noninteractive mmdebstrap --mode=root --variant=minbase --format=directory --architectures=amd64 \
        --include="$(IFS=, && echo "$*")" --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' \
        --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --skip=update,cleanup/apt \
        --setup-hook="$(packages_hook)" \
        --essential-hook="printf '#!/bin/sh\nexit 101\n' >\"\$1\"/usr/sbin/policy-rc.d && chmod 755 \"\$1\"/usr/sbin/policy-rc.d" \
        --essential-hook="chroot \"\$1\" dpkg-divert --quiet --local --no-rename --divert /usr/sbin/update-initramfs.real --add /usr/sbin/update-initramfs && ln -s /bin/true \"\$1\"/usr/sbin/update-initramfs" \
        "$suite" "$dir" "${sources[@]}" >&2
    rm -f "$dir"/var/cache/apt/archives/*.deb
    chroot "$dir" bash -s / <"$image/unpack-modules"
    printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' >"$dir/etc/hosts"
}

# in_tool_root [--bind PATH]... COMMAND ARGUMENT...: in place of this shell. The checkout, the folder of the signing key (sign.sh) and each PATH
# are where they are on the host.
in_tool_root() {
    export BERTH_KEY_DIR=${BERTH_KEY_DIR:-${XDG_CONFIG_HOME:-$HOME/.config}/berth} BERTH_TOOLS_OF=$suite
    # The compiler's cache is the checkout's.
    export CCACHE_DIR=${CCACHE_DIR:-$cache/ccache}
    (umask 077 && mkdir -p "$BERTH_KEY_DIR")
    mkdir -p "$CCACHE_DIR"
    # How the host reaches its archives (a proxy, mostly) is how they are reached from there.
    local settings=$tool_root/etc/apt/apt.conf.d/90host
    apt-config dump | grep -E '^Acquire::(https?|ftp|Check-[A-Za-z-]*)(::| )' >"$settings.$$" || true
    mv -f "$settings.$$" "$settings"
    local -a binds=(--bind "$root" --bind "$BERTH_KEY_DIR")
    while [ "$1" = --bind ]; do binds+=("$1" "$2") && shift 2; done
    # The cache last: it may lie in one of them and be a mount itself, which a bind of what is above it hides.
    exec "$image/enter" "$tool_root" "${binds[@]}" --bind "$CCACHE_DIR" "$@"
}
