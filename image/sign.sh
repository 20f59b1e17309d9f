# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The signing key, made at the first build and kept outside the checkout, and the signed folder that a provisioner serves.

key_dir=${BERTH_KEY_DIR:-${XDG_CONFIG_HOME:-$HOME/.config}/berth}
secret_key=$key_dir/image.key
public_key=$key_dir/image.pub

check_key_dir() {
    case $(readlink -m "$key_dir")/ in
        "$root"/*) die "the signing key must not lie in the checkout ($key_dir)" ;;
    esac
}

make_key() {
    check_key_dir
    [ ! -e "$secret_key" ] || return 0
    say "new signing key in $secret_key: keep it; clients believe images signed with it and no others"
    (umask 077 && mkdir -p "$key_dir")
    our berth-image keygen --secret "$secret_key" --public "$public_key"
    chmod 0600 "$secret_key"
}

# publish KIND FOLDER FILE...: files, chunk lists and signed manifest, made beside and put in place at the end.
publish() {
    local kind=$1 folder=$2 name=manifest.json
    shift 2
    [ "$kind" = image ] || name=site.json
    rm -rf "$folder.new"
    mkdir -p "$folder.new"
    our berth-image manifest --kind "$kind" --version "$version" --created "$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)" --out "$folder.new" "$@"
    our berth-image sign --secret "$secret_key" "$folder.new/$name"
    # iPXE asks for these two by their names.
    local file
    for file in "$@"; do
        case $file in */vmlinuz | */initrd.img) ln "$file" "$folder.new/" ;; esac
    done
    chmod -R a+rX "$folder.new"
    rm -rf "$folder"
    mv "$folder.new" "$folder"
}

# limit MEGABYTES WHAT FILE...: refuses an image that has grown too large to boot from the network.
limit() {
    local size
    size=$(cat "${@:3}" | wc -c)
    [ "$size" -le $(($1 * 1000000)) ] || die "$2 has $size bytes; at most $1 MB are allowed"
}
