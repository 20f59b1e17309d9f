# SPDX-License-Identifier: GPL-3.0-or-later
"""The same sources and package versions give the same bytes. The plain run builds twice from the cached Debian root, in two folders, with
different umask, time zone and locale; tests/run full builds twice from nothing, in two checkouts."""
import filecmp
import os
import shutil
import subprocess

import pytest

FILES = ("vmlinuz", "initrd.img", "root.squashfs")


def build(checkout, out, umask, environment):
    command = f"umask {umask} && exec ./build-image.sh --out '{out}' --version 1"
    subprocess.run(["bash", "-c", command], cwd=checkout, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                   env={**os.environ, **environment})


def same(a, b):
    return [n for n in FILES if not filecmp.cmp(a / n, b / n, shallow=False)] == []


def test_same_bytes_from_the_cached_root_whatever_folder_umask_and_locale(image, root, tmp_path):
    build(root, tmp_path / "one", "022", {"TZ": "UTC"})
    build(root, tmp_path / "another folder", "077", {"TZ": "Pacific/Auckland", "LANG": "de_DE.UTF-8", "LC_ALL": "POSIX"})
    assert same(tmp_path / "one", tmp_path / "another folder")


def checkout(root, folder):
    """The working tree, committed or not, as a checkout of its own with nothing built."""
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True, check=True).stdout
    for name in files.splitlines():
        if (root / name).is_file() or (root / name).is_symlink():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target, follow_symlinks=False)
    return folder


@pytest.mark.full_only  # some ten minutes; the plain run holds the cheaper half above
def test_same_bytes_from_nothing_in_two_checkouts(root, tmp_path):
    epoch = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=root, capture_output=True, text=True, check=True).stdout.strip()
    common = {"SOURCE_DATE_EPOCH": epoch, "CCACHE_DISABLE": "1"}
    one = checkout(root, tmp_path / "one")
    two = checkout(root, tmp_path / "elsewhere" / "two")
    build(one, one / "out", "022", {**common, "TZ": "UTC"})
    build(two, two / "out", "027", {**common, "TZ": "Pacific/Auckland", "LC_ALL": "POSIX"})
    assert same(one / "out", two / "out")
