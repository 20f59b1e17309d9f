# SPDX-License-Identifier: GPL-3.0-or-later
"""The image as build-image.sh leaves it, and what is inside."""
import os
import pathlib
import subprocess

import pytest

from initramfs import names_in_initrd


@pytest.fixture(scope="session")
def image(root):
    """The folder with the outputs of ./build-image.sh, built now (Debian's part comes from the cache)."""
    log = root / "out/log/image.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as f:
        done = subprocess.run([root / "build-image.sh"], stdout=f, stderr=subprocess.STDOUT)
    assert done.returncode == 0, log.read_text()[-4000:]
    return root / "out"


class Squashfs:
    """Looks into an archive without mounting it."""

    def __init__(self, path):
        self.path = path
        self.entries = {}  # path -> (mode as ls shows it, owner, link target)
        listing = subprocess.run(["unsquashfs", "-lln", "-d", "", path], capture_output=True, text=True, check=True).stdout
        for line in listing.splitlines():
            fields = line.split(None, 5)
            if len(fields) != 6 or fields[0][0] not in "-dlcbps":
                continue
            name, _, target = fields[5].partition(" -> ")
            self.entries[name] = (fields[0], fields[1], target)

    def text(self, path):
        return subprocess.run(["unsquashfs", "-cat", self.path, path.lstrip("/")], capture_output=True, text=True, check=True).stdout

    def extract(self, folder, *paths):
        subprocess.run(["unsquashfs", "-q", "-n", "-f", "-d", folder, self.path, *paths], check=True, stdout=subprocess.DEVNULL)
        return pathlib.Path(folder)


@pytest.fixture(scope="session")
def squashfs(image):
    return Squashfs(image / "root.squashfs")


@pytest.fixture(scope="session")
def etc(squashfs, tmp_path_factory):
    """The root's /etc, unpacked."""
    return squashfs.extract(tmp_path_factory.mktemp("root") / "root", "etc") / "etc"


@pytest.fixture(scope="session")
def initrd_names(image):
    return names_in_initrd(image / "initrd.img")


@pytest.fixture(scope="session")
def public_key():
    folder = os.environ.get("BERTH_KEY_DIR") or os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), "berth")
    return pathlib.Path(folder) / "image.pub"
