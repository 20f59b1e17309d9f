# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Our own programs, preset release.

build_programs() {
    say "programs"
    local log=$work/programs.log
    if ! { (cd "$root" && cmake --preset release -DBERTH_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr && cmake --build --preset release -- -j"$jobs"); } >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        die "our programs do not build (whole log: $log)"
    fi
    rm -rf "$work/programs"
    DESTDIR=$work/programs cmake --install "$root/out/build/release" --strip >"$work/install.log" 2>&1 || die "cmake --install failed: $work/install.log"
}

# install_release TREE: lays the built programs over it.
install_release() { put "$work/programs" "$1"; }

# our NAME ARGUMENT...: runs one of our programs on the build host.
our() {
    local name=$1
    shift
    "$work/programs/usr/bin/$name" "$@"
}
