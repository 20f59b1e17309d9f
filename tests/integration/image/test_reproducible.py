# SPDX-License-Identifier: GPL-3.0-or-later
"""The same sources and package versions give the same bytes. The plain run builds in two checkouts from the cached Debian root, with
different umask, time zone and locale, the second with all that the initramfs holds compiled anew; tests/run full does it from nothing,
without any compiler cache."""
import filecmp
import os
import shutil
import subprocess

import pytest

EPOCH = {"SOURCE_DATE_EPOCH": "1750000000"}
FILES = ("vmlinuz", "initrd.img", "root.squashfs")


def build(checkout, out, umask, environment):
    command = f"umask {umask} && exec ./build-image.sh --out \"$0\" --version 1"
    subprocess.run(["bash", "-c", command, out], cwd=checkout, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                   env={**os.environ, **environment})


def same(a, b):
    return [n for n in FILES if not filecmp.cmp(a / n, b / n, shallow=False)] == []


def checkout(root, folder):
    """The working tree, committed or not, as a checkout of its own with nothing built."""
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True, check=True).stdout
    for name in files.splitlines():
        if (root / name).is_file() or (root / name).is_symlink():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target, follow_symlinks=False)
    return folder


def compile_without_cache(checkout, target):
    """In the folder where build-image.sh finds it done, with its settings."""
    for command in (["cmake", "--preset", "release"],
                    ["cmake", "--build", "--preset", "release", "--target", target, "--", "-j2"]):
        subprocess.run(command, cwd=checkout, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                       env={**os.environ, "CCACHE_DISABLE": "1"})


def test_the_cached_root_gives_the_same_bytes_whatever_folder_umask_and_locale(image, root, tmp_path):
    # Nothing is added to the cache: nobody waits for these builds.
    here = {**EPOCH, "BERTH_BUILD_LOCK": str(tmp_path / "lock")}
    one, two = checkout(root, tmp_path / "one"), checkout(root, tmp_path / "another folder")
    for folder in (one, two):
        (folder / "out").mkdir()
        (folder / "out/cache").symlink_to(root / "out/cache")
    build(one, one / "out", "022", {**here, "TZ": "UTC"})
    # The compiler's cache hands out the first one's objects; what the compiler itself makes of another folder is looked at here.
    compile_without_cache(two, "berth-bootstrap")
    build(two, tmp_path / "two's files", "077", {**here, "TZ": "Pacific/Auckland", "LANG": "de_DE.UTF-8", "LC_ALL": "POSIX"})
    assert same(one / "out", tmp_path / "two's files")


@pytest.mark.full_only  # some ten minutes; the plain run holds the cheaper half above
def test_two_checkouts_build_the_same_bytes_from_nothing(root, tmp_path):
    common = {**EPOCH, "CCACHE_DISABLE": "1"}
    one = checkout(root, tmp_path / "one")
    two = checkout(root, tmp_path / "elsewhere" / "two")
    build(one, one / "out", "022", {**common, "TZ": "UTC"})
    build(two, two / "out", "027", {**common, "TZ": "Pacific/Auckland", "LC_ALL": "POSIX"})
    assert same(one / "out", two / "out")
