# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Our own programs, preset release, whose objects the tests are linked with, too.

# build_folder: where the preset builds (CMakePresets.json).
build_folder() { echo "$root/out/build/$suite/release"; }

build_programs() {
    say "programs"
    local log=$work/programs.log
    if ! { (cd "$root" && cmake --preset release && cmake --build --preset release --target programs -- -j"$jobs"); } >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        die "our programs do not build (whole log: $log)"
    fi
    rm -rf "$work/programs"
    DESTDIR=$work/programs cmake --install "$(build_folder)" --strip >"$work/install.log" 2>&1 || die "cmake --install failed: $work/install.log"
}

# install_release TREE: lays the built programs over it.
install_release() { put "$work/programs" "$1"; }

# our NAME ARGUMENT...: runs one of our programs here.
our() {
    local name=$1
    shift
    "$work/programs/usr/bin/$name" "$@"
}
