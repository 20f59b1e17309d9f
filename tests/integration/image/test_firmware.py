# SPDX-License-Identifier: GPL-3.0-or-later
"""--firmware: none in the plain image; with it the root has Debian's non-free firmware and the initramfs what its own modules ask for."""
import os
import re
import shutil
import subprocess

import pytest

from initramfs import names_in_initrd
from test_reproducible import checkout

MICROCODE = "usr/lib/firmware/e100/d102e_ucode.bin"
INITRAMFS = """
set -euo pipefail
image=$1 cache=$2 work=$2 firmware=$4 jobs=1
. $image/common.sh
. $image/debian-root.sh
. $image/initramfs.sh
debian_root=$3
make_debian_initramfs
echo $debian_initramfs
"""


def firmware(names):
    """The firmware files (not the folders) among an archive's names; each has a dot in its name."""
    return {n.lstrip("/") for n in names if re.match(r"/?usr/lib/firmware/.*\.[^/]*$", n)}


def test_plain_image_holds_no_firmware(squashfs, initrd_names):
    assert firmware(squashfs.entries) == set()
    assert firmware(initrd_names) == set()


@pytest.mark.parametrize("flag, taken", [("", set()), ("yes", {MICROCODE})])
def test_initramfs_takes_the_firmware_of_its_own_modules_only(root, image, tmp_path, flag, taken):
    """A Debian root with one driver's file and one that no module of the list asks for."""
    pieces, debian, cache = tmp_path / "image", tmp_path / "debian", tmp_path / "cache"
    for folder in (pieces, debian / "usr/lib", cache):
        folder.mkdir(parents=True)
    for name in ("common.sh", "debian-root.sh", "initramfs.sh", "initramfs_modules.py"):
        shutil.copy(root / "image" / name, pieces)
    (pieces / "initramfs-modules.list").write_text("drivers/net/ethernet/intel/e100\n")
    made = next((root / "out/cache").glob("debian-*.done")).with_suffix("")
    (debian / "usr/lib/modules").symlink_to(made / "usr/lib/modules")
    for name in (MICROCODE, "usr/lib/firmware/iwlwifi-1.ucode"):
        (debian / name).parent.mkdir(parents=True, exist_ok=True)
        (debian / name).write_bytes(b"microcode")
    done = subprocess.run(["bash", "-c", INITRAMFS, "x", pieces, cache, debian, flag], capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stderr
    names = names_in_initrd(done.stdout.strip())
    assert [n for n in names if n.endswith("/e100.ko")]
    assert firmware(names) == taken


def names_in_root(path):
    return subprocess.run(["unsquashfs", "-l", "-d", "", path], capture_output=True, text=True, check=True).stdout.splitlines()


def assert_firmware_is_there(out):
    in_root, in_initramfs = firmware(names_in_root(out / "root.squashfs")), firmware(names_in_initrd(out / "initrd.img"))
    for wanted in (MICROCODE, r"rtl_nic/rtl8168g-2\.fw", "bnx2/", "bnx2x/", "amdgpu/", "i915/", "iwlwifi-"):
        assert [n for n in in_root if re.search(wanted, n)], wanted
    # Graphics and wireless wait for the root.
    for wanted in (MICROCODE, r"rtl_nic/rtl8168g-2\.fw", "bnx2/", "bnx2x/"):
        assert [n for n in in_initramfs if re.search(wanted, n)], wanted
    assert (out / "initrd.img").stat().st_size + (out / "vmlinuz").stat().st_size <= 60_000_000


@pytest.mark.full_only  # downloads some hundred MB and builds from nothing
def test_an_image_with_firmware_has_it_in_root_and_initramfs(root, tmp_path):
    here = checkout(root, tmp_path / "checkout")
    log = tmp_path / "log"
    with open(log, "w") as f:
        done = subprocess.run(["./build-image.sh", "--version", "1", "--firmware"], cwd=here, stdout=f, stderr=subprocess.STDOUT)
    assert done.returncode == 0, log.read_text()[-4000:]
    assert_firmware_is_there(here / "out")
