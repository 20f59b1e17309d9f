# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk from which nothing starts: the user sees the firmware's word, can leave, and finds the disk as it was."""
import random

import pytest

import guestworld

SIZE = 1 << 20
NOISE = random.Random(7).randbytes(SIZE)
SIGNED = NOISE[:510] + b"\x55\xaa" + NOISE[512:]


def start(world, content):
    (world.user / "work/software.raw").write_bytes(content)
    return guestworld.log_in(world)


@pytest.mark.parametrize("content", [NOISE, bytes(SIZE)], ids=["noise", "zeros"])
def test_a_disk_without_a_boot_sector_is_named_by_the_firmware_and_can_be_left(world, content):
    world.power_button_seconds = 1  # The firmware knows none: the ladder's end.
    greeter, guest = start(world, content)
    guest.read_to(rb"not a bootable disk.*No bootable device", "the firmware's word")
    assert world.locks() == ["lock.1"]
    guestworld.close(greeter)
    assert greeter.end(guestworld.LIMIT) == 0
    assert greeter.result == "done"
    assert any("did not shut down in time and is switched off" in t for t in greeter.texts("status"))
    assert (world.user / "work/software.raw").read_bytes() == content
    world.assert_clean()


def test_a_boot_sector_of_noise_can_be_switched_off_at_once(world):
    greeter, guest = start(world, SIGNED)
    guest.read_to(rb"Booting from Hard Disk", "the firmware's word")
    greeter.send(type="vm", action="force-off")
    assert greeter.end(guestworld.LIMIT) == 0
    assert greeter.result == "done"
    assert (world.user / "work/software.raw").read_bytes() == SIGNED
    world.assert_clean()
