# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# --site DIR: users, PAM and sssd settings, certificates, defaults, logo: a second signed archive, laid over the image by the bootstrap.

# make_site DIR: DIR is laid out like the root. Modes come from DIR (a shadow file stays 0640), owners become root.
make_site() {
    [ -d "$1" ] || die "--site $1: no such folder"
    say "site archive"
    local tree=$work/site
    rm -rf "$tree"
    cp -a "$1" "$tree"
    chown -R 0:0 "$tree"
    chmod 0755 "$tree"
    make_squashfs "$tree" "$work/site.squashfs"
    publish site "$out/site" "$work/site.squashfs"
    ln -f "$work/site.squashfs" "$out/site.squashfs"
    cp "$out/site/site.json" "$out/site/site.json.minisig" "$out/"
}
