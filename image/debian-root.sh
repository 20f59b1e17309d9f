# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Debian's part of the root: mmdebstrap from the suite, kept in out/cache under a hash of everything that goes in.

# The suite of Debian, by its code name: the root of tools' where we are in one.
: "${suite:=${BERTH_TOOLS_OF:-trixie}}"

# known_suite SUITE: of those the package lists and units.list are made for.
known_suite() { case $1 in trixie | bookworm) ;; *) die "--suite $1: trixie or bookworm" ;; esac; }

# The apt configuration we resolve and download with: Debian's archives where the host has its own from, nothing installed, lists of its own.
apt_dir=

# archives_of_host: "URL CODENAME" of each of Debian's archives that apt knows here.
archives_of_host() {
    # shellcheck disable=SC2016  # apt's own placeholders
    apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
        awk '$3 == "main" && $4 == "Debian" { sub("/$", "", $1); print $1, $2 }' | LC_ALL=C sort -u
}

# debian_sources: sources.list(5) of the suite, from where the host has its own: release, its updates, its security updates; --mirror
# replaces the main archive's address. Debian's own keys sign all of them, whatever suite the host has.
debian_sources() {
    local archives main security options='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]' components="main${firmware:+ non-free-firmware}"
    archives=$(archives_of_host)
    main=${mirror:-$(awk '$2 !~ /-/ { print $1; exit }' <<<"$archives")}
    security=$(awk '$2 ~ /-security$/ { print $1; exit }' <<<"$archives")
    [ -n "$main" ] || return 0
    echo "deb $options $main $suite $components"
    echo "deb $options $main $suite-updates $components"
    [ -z "$security" ] || echo "deb $options $security $suite-security $components"
}

apt_setup() {
    apt_dir=$cache/apt-$suite${firmware:+-firmware}
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
    # Put in place whole: another build may read it.
    cat >"$apt_dir/etc/apt.conf.$$" <<END
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
    mv "$apt_dir/etc/apt.conf.$$" "$apt_dir/etc/apt.conf"
    # Half a day is new enough; --refresh asks at once.
    if [ -n "$refresh" ] || ! fresh_lists; then
        say "package lists"
        our_apt -q update >&2
        touch "$apt_dir/updated"
    fi
}

fresh_lists() { [ -n "$(find "$apt_dir/updated" -mmin -720 2>/dev/null)" ]; }

our_apt() { APT_CONFIG=$apt_dir/etc/apt.conf apt-get "$@"; }

# packages_hook: for mmdebstrap, gives the new root our lists and the packages that are here already, by links where that works (never the lock
# beside them, which roots that are made at once would then share).
packages_hook() {
    local debs="find '$apt_dir'/archives -maxdepth 1 -name '*.deb' -exec cp"
    echo "mkdir -p \"\$1\"/var/cache/apt/archives \"\$1\"/var/lib/apt/lists && cp -a '$apt_dir'/lists/. \"\$1\"/var/lib/apt/lists/ &&
        { $debs -al -t \"\$1\"/var/cache/apt/archives/ {} + 2>/dev/null || $debs -a -t \"\$1\"/var/cache/apt/archives/ {} +; }"
}

# resolved LIST...: "package version" of all that would be installed.
resolved() {
    our_apt -q -s install "$@" '?essential' | sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1 \2/p' | LC_ALL=C sort -u
}

# Password ages and the like must not depend on the day of the build, nor change with each commit of ours.
epoch_for_debian=1704067200

# trim_lists: what goes from the root after its packages are set up, a file a line.
trim_lists() {
    echo "$image/trim.list"
    [ -n "${gl:-}" ] || echo "$image/trim-gl.list"
}

# make_debian_root: sets debian_root to the folder that holds Debian's part. Nobody writes to it: copies are hard links.
debian_root=
make_debian_root() {
    local names
    local -a packages trims
    mapfile -t trims < <(trim_lists)
    names=$("$root/tests/install-packages" --suite "$suite" --names "$image/packages${firmware:+-firmware}.list") || die "the image's list of packages cannot be read"
    mapfile -t packages <<<"$names"
    apt_setup
    local versions key
    versions=$(resolved "${packages[@]}")
    [ -n "$versions" ] || die "apt cannot resolve the image's packages (try: APT_CONFIG=$apt_dir/etc/apt.conf apt-get -s install ${packages[*]})"
    key=$({
        printf '%s\n' "$versions" "${packages[@]}" "$epoch_for_debian"
        cat "$image/debian-root.sh" "$image/exclude.list" "${trims[@]}" "$image/debian-hook" "$image/unpack-modules"
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
        --setup-hook="$(packages_hook)" \
        "$suite" "$debian_root.new" "${sources[@]}" >&2
    "$image/debian-hook" "$debian_root.new" "${trims[@]}"
    printf '%s\n' "$versions" >"$debian_root.versions"
    rm -rf "$debian_root"
    mv "$debian_root.new" "$debian_root"
    touch "$debian_root.done"
}
