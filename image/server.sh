# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# berth-server.deb: provisioner, berthctl and what they need, for a server of the image's suite; apt brings the libraries that it names.

make_server_package() {
    say "server package"
    local tree=$work/server file needs
    rm -rf "$tree"
    for file in usr/bin/berth-provisioner usr/bin/berthctl usr/libexec/berth/berth-files usr/lib/systemd/system/berth-provisioner.service usr/share/berth/boot.ipxe; do
        install -D -m "$([ -x "$work/programs/$file" ] && echo 0755 || echo 0644)" "$work/programs/$file" "$tree/$file"
    done
    for file in berthctl.1 machine.toml.5 berth-provisioner.8; do
        install -d -m 0755 "$tree/usr/share/man/man${file##*.}"
        gzip -9n <"$root/docs/man/$file" >"$tree/usr/share/man/man${file##*.}/$file.gz"
        chmod 0644 "$tree/usr/share/man/man${file##*.}/$file.gz"
    done
    # dpkg-shlibdeps wants to run in a source package.
    mkdir -p "$work/deps/debian"
    printf 'Source: berth\n\nPackage: berth-server\nArchitecture: amd64\n' >"$work/deps/debian/control"
    needs=$(cd "$work/deps" && dpkg-shlibdeps -O "$tree"/usr/bin/* "$tree"/usr/libexec/berth/* 2>>"$work/install.log") || die "dpkg-shlibdeps failed: $work/install.log"
    install -d -m 0755 "$tree/DEBIAN"
    cat >"$tree/DEBIAN/control" <<END
Package: berth-server
Version: 0.1.$version
Architecture: amd64
Maintainer: Berth <berth@localhost>
Section: admin
Priority: optional
Depends: ${needs#shlibs:Depends=}
Description: Berth's provisioner and berthctl
 Serves boot scripts and images to workstations and keeps their records.
END
    find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz -b "$tree" "$work/berth-server.deb" >>"$work/install.log"
    cp "$work/berth-server.deb" "$out/berth-server.deb"
    rm -rf "$tree" "$work/deps"
}
