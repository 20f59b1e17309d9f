# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# --site DIR: users, PAM and sssd settings, certificates, defaults, logo: a second signed archive, laid over the image by the bootstrap.

# make_site DIR ROOT_SQUASHFS: DIR is laid out like the root. What the image has too keeps the image's owner and mode; all else is root's, with DIR's mode.
make_site() {
    [ -d "$1" ] || die "--site $1: no such folder"
    say "site archive"
    local tree=$work/site
    rm -rf "$tree"
    cp -a "$1/." "$tree"
    /usr/bin/python3 "$image/site_modes.py" "$tree" "$2" >&2 || die "--site $1: see above"
    make_squashfs "$tree" "$work/site.squashfs"
    publish site "$out/site" "$work/site.squashfs"
    ln -f "$work/site.squashfs" "$out/site.squashfs"
    cp "$out/site/site.json" "$out/site/site.json.minisig" "$out/"
}
