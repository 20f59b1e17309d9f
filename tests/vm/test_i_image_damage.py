# SPDX-License-Identifier: GPL-3.0-or-later
"""Point i, on a workstation: a damaged image is never started; the screen and the provisioner say why; the boot tries again automatically with growing
pauses and goes on once the image is mended. (Every kind of damage, byte by byte: the bootstrap's own tests.)"""
import json
import os
import shutil

import pytest

from greeter import BOOT_TIMEOUT, Greeter
from processes import wait_until


class Damaged:
    """The served file with one byte changed; mended at the end. The old file is never written to (it has other names)."""

    def __init__(self, path, offset):
        self.path, self.good = path, path.with_name(path.name + ".good")
        os.rename(path, self.good)
        shutil.copyfile(self.good, path)
        with open(path, "r+b") as f:
            f.seek(offset)
            byte = f.read(1)[0]
            f.seek(offset)
            f.write(bytes([byte ^ 0x10]))

    def mend(self):
        if self.good.exists():
            os.replace(self.good, self.path)


@pytest.fixture
def damage():
    made = []

    def make(path, offset):
        made.append(Damaged(path, offset))
        return made[-1]
    yield make
    for d in made:
        d.mend()


def signature(world):
    path = world.image_folder / "manifest.json.minisig"
    lines = path.read_bytes().split(b"\n")
    return path, len(lines[0]) + 1 + len(lines[1]) // 2  # in the middle of the signature's line


def middle_of_the_root(world):
    manifest = json.loads((world.image_folder / "manifest.json").read_text())
    root = next(f for f in manifest["files"] if f["name"] == "root.squashfs")
    return world.image_folder / root["digest"], root["size"] // 2


def boot_with_damage(world, machine, name, damaged, code):
    w = machine(name)
    w.set_boot(world.direct(w))
    w.power_on()
    w.screen.wait_for(code, timeout=BOOT_TIMEOUT)
    wait_until(lambda: code in json.dumps(world.machine(w)), 120, f"{code} at the provisioner")
    # It tries again automatically, and nothing of the image has run: no unit of it has ever said anything.
    w.screen.wait_raw(rb"(?s)(berth: " + code.encode() + rb".*){3}", timeout=BOOT_TIMEOUT)
    raw = w.screen.raw()
    assert b"systemd" not in raw and b"User name:" not in raw
    damaged.mend()
    Greeter(w.screen).wait_prompt()
    wait_until(lambda: code not in json.dumps(world.machine(w)), 120, f"{code} gone at the provisioner")


def test_i_a_flipped_signature_is_refused_said_retried_and_survived(world, machine, damage):
    boot_with_damage(world, machine, "sigflip", damage(*signature(world)), "BERTH-B03")


def test_i_a_flipped_middle_chunk_is_refused_said_retried_and_survived(world, machine, damage):
    boot_with_damage(world, machine, "chunkflip", damage(*middle_of_the_root(world)), "BERTH-B05")
