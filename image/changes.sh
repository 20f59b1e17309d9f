# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What is new in an image: its packages (/usr/share/berth/packages there, out/packages here) beside those of the last one.

# security_versions: "PACKAGE VERSION" of all that the security archive holds.
security_versions() {
    local list
    for list in "$apt_dir"/lists/*-security_*_Packages*; do
        [ -e "$list" ] || continue
        /usr/lib/apt/apt-helper cat-file "$list" | awk '$1 == "Package:" { name = $2 } $1 == "Version:" { print name, $2 }'
    done | LC_ALL=C sort -u
}

# changes OLD NEW SECURITY: one line for each package that differs between two lists, fixes of SECURITY first.
changes() {
    awk '
        part == 1 { old[$1] = $2; next }
        part == 2 { new[$1] = $2; next }
        { fixes[$1 " " $2] }
        END {
            for (p in new) {
                if (!(p in old)) print 3, "new", p, new[p]
                else if (old[p] != new[p]) {
                    if ((p " " new[p]) in fixes) print 1, "security", p, old[p], "->", new[p]
                    else print 2, "changed", p, old[p], "->", new[p]
                }
            }
            for (p in old) if (!(p in new)) print 4, "gone", p, old[p]
        }' part=1 "$1" part=2 "$2" part=3 "$3" | LC_ALL=C sort | cut -d' ' -f2- | sed 's/^/   /'
}

# tell_changes OLD NEW: says what changes() finds, on standard error as everything a build says; nothing where there was no image yet.
tell_changes() {
    [ -e "$1" ] || return 0
    local lines
    lines=$(changes "$1" "$2" <(security_versions))
    [ -n "$lines" ] || return 0
    say "packages changed since the last image: $(wc -l <<<"$lines"), security fixes: $(grep -c '^   security ' <<<"$lines" || true)"
    printf '%s\n' "$lines" >&2
}
