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
