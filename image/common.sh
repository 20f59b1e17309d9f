# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What all pieces of build-image.sh share.

say() { printf '%s\n' "== $*" >&2; }
die() {
    printf 'build-image.sh: %s\n' "$*" >&2
    exit 1
}

# list FILE...: the entries of list files, without comments, sorted.
list() { sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$@" | LC_ALL=C sort -u; }

# digest: SHA-256 of standard input, shortened: a name for what is cached.
digest() { sha256sum | cut -c1-16; }

# tree_digest DIR...: what the files of folders are: names, modes, contents.
tree_digest() {
    local dir
    for dir in "$@"; do
        (cd "$dir" && find . \( -type f -printf '%P %m\n' -o -type l -printf '%P -> %l\n' \) | LC_ALL=C sort &&
            find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum)
    done | digest
}

# lock_cache: one build at a time in this checkout; descriptor 9 holds the lock until it is closed. BERTH_BUILD_LOCK: another file, for who only
# reads what is in the cache.
lock_cache() {
    mkdir -p "$cache"
    exec 9>"${BERTH_BUILD_LOCK:-$cache/.lock}"
    flock -n 9 || { say "waiting for another build in this checkout" && flock 9; }
}

# prune KIND KEEP: of the cached things named KIND-*, all but KEEP and the two others used last go.
prune() {
    local old
    while IFS= read -r old; do
        [ "$cache/$old" = "$2" ] || rm -rf "$cache/${old:?}" "$cache/$old.done" "$cache/$old.versions"
    done < <(cd "$cache" && find . -maxdepth 1 -name "$1-*" ! -name '*.done' ! -name '*.versions' -printf '%T@ %P\n' | sort -rn | tail -n +4 | cut -d' ' -f2)
    rm -rf "$cache/$1"-*.new
}
