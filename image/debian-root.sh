# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Debian's part of the root: mmdebstrap from the build host's suite, kept in out/cache under a hash of everything that goes in.

# The apt configuration we resolve and download with: Debian's archives as the host has them, nothing installed, lists of its own.
apt_dir=

# debian_sources: "deb URL SUITE COMPONENT..." for each of the host's Debian archives; --mirror replaces the main one's address.
debian_sources() {
    local url name component origin
    # shellcheck disable=SC2016  # apt's own placeholders
    apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
        LC_ALL=C sort -u |
        while read -r url name component origin; do
            if [ "$origin" != Debian ] || [ "$component" != main ]; then continue; fi
            if [ -n "$mirror" ] && [[ $name != *-security ]]; then url=$mirror; fi
            echo "deb $url $name main${firmware:+ non-free-firmware}"
        done
}

apt_setup() {
    apt_dir=$cache/apt${firmware:+-firmware}
    mkdir -p "$apt_dir"/{lists/partial,archives/partial,etc}
    local lines
    lines=$(debian_sources)
    [ -n "$lines" ] || { apt-get -q update >&2 && lines=$(debian_sources); }
    [ -n "$lines" ] || die "apt knows no Debian archive here: give this machine Debian's sources (sources.list(5)) and try again"
    if [ "$lines" != "$(cat "$apt_dir/etc/sources.list" 2>/dev/null)" ]; then
        printf '%s\n' "$lines" >"$apt_dir/etc/sources.list"
        rm -f "$apt_dir/updated"
    fi
    : >"$apt_dir/etc/status"
    cat >"$apt_dir/etc/apt.conf" <<END
Dir::State::Lists "$apt_dir/lists";
Dir::State::Status "$apt_dir/etc/status";
Dir::Cache "$apt_dir";
Dir::Cache::Archives "$apt_dir/archives";
Dir::Etc::SourceList "$apt_dir/etc/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Architecture "amd64";
Acquire::Languages "none";
Acquire::Retries "3";
END
    # Half a day is new enough; --refresh asks at once.
    if [ -n "$refresh" ] || [ -z "$(find "$apt_dir/updated" -mmin -720 2>/dev/null)" ]; then
        say "package lists"
        our_apt -q update >&2
        touch "$apt_dir/updated"
    fi
}

our_apt() { APT_CONFIG=$apt_dir/etc/apt.conf apt-get "$@"; }

# resolved LIST...: "package version" of all that would be installed.
resolved() {
    our_apt -q -s install "$@" '?essential' | sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1 \2/p' | LC_ALL=C sort -u
}

# Password ages and the like must not depend on the day of the build, nor change with each commit of ours.
epoch_for_debian=1704067200

# make_debian_root: sets debian_root to the folder that holds Debian's part. Nobody writes to it: copies are hard links.
debian_root=
make_debian_root() {
    local names
    local -a packages
    names=$("$root/tests/install-packages" --names "$image/packages${firmware:+-firmware}.list") || die "the image's list of packages cannot be read"
    mapfile -t packages <<<"$names"
    apt_setup
    local versions key
    versions=$(resolved "${packages[@]}")
    [ -n "$versions" ] || die "apt cannot resolve the image's packages (try: APT_CONFIG=$apt_dir/etc/apt.conf apt-get -s install ${packages[*]})"
    key=$({
        printf '%s\n' "$versions" "${packages[@]}" "$epoch_for_debian"
        cat "$image/debian-root.sh" "$image/exclude.list" "$image/trim.list" "$image/debian-hook"
    } | digest)
    debian_root=$cache/debian-$key
    if [ -e "$debian_root.done" ]; then return 0; fi
    prune debian "$debian_root"
    say "Debian root (about two minutes; kept in $debian_root)"
    rm -rf "$debian_root.new"
    local -a sources
    mapfile -t sources <"$apt_dir/etc/sources.list"
    local -a excludes
    mapfile -t excludes < <(list "$image/exclude.list" | sed 's/^/--dpkgopt=path-exclude=/')
    # Lists and packages come from our own cache: what is installed is what the key says, and a failed build downloads nothing twice.
    our_apt -q -y -d install "${packages[@]}" '?essential' >&2
    local joined
    joined=$(IFS=,; echo "${packages[*]}")
    SOURCE_DATE_EPOCH=$epoch_for_debian DEBIAN_FRONTEND=noninteractive mmdebstrap --mode=root --variant=essential --format=directory \
        --architectures=amd64 --include="$joined" \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' \
        "${excludes[@]}" \
        --skip=update,cleanup/apt \
        --setup-hook="mkdir -p \"\$1\"/var/cache/apt/archives \"\$1\"/var/lib/apt/lists" \
        --setup-hook="cp -a '$apt_dir'/lists/. \"\$1\"/var/lib/apt/lists/" \
        --setup-hook="cp -a '$apt_dir'/archives/. \"\$1\"/var/cache/apt/archives/" \
        "$suite" "$debian_root.new" "${sources[@]}" >&2
    "$image/debian-hook" "$debian_root.new" "$image/trim.list"
    printf '%s\n' "$versions" >"$debian_root.versions"
    rm -rf "$debian_root"
    mv "$debian_root.new" "$debian_root"
    touch "$debian_root.done"
}
