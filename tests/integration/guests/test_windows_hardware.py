# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux on the hardware that Windows asks for (docs/windows.md), and what it draws."""
import os
import subprocess

import pytest

import guestworld
import pictures
import sessionworld
from guestworld import LIMIT

MACHINE = f"""schema = 1
uuid = "{sessionworld.UUID % 0x22}"
cpus = {min(4, os.cpu_count())}
memory = "512 MiB"
firmware = "uefi-secure"
tpm = true
clock = "local"
hyperv = true
sound = "hda"

[screen]
model = "virtio"

[network]
model = "e1000e"

[[disk]]
name = "windows"
role = "software"
bus = "sata"
path = "windows.raw"

[[disk]]
name = "setup"
role = "cdrom"
path = "setup.iso"

[[disk]]
name = "drivers"
role = "cdrom"
path = "drivers.iso"
"""
# With Secure Boot GRUB has no font for its menu's edge, but for this line.
GRUB_ENTRY = (20, 70, 1260, 90)
# On the framebuffer's console, each as small as what must not differ: the prompt, that Secure Boot is on, TPM 2, the disk and two CDs.
PROMPT, SECURE_BOOT, TPM, DISKS = (0, 0, 64, 16), (120, 16, 144, 32), (32, 32, 56, 48), (48, 80, 152, 96)


class Screen:
    """The guest's, as QEMU has it, and its keyboard."""

    def __init__(self, world, folder):
        self.virsh, self.folder = world.libvirt.virsh, folder
        self.domain = self.virsh("list", "--name").split()[0]

    def take(self, path):
        self.virsh("screenshot", self.domain, "--file", path)
        return path

    def looks_like(self, name, box):
        pictures.looks_like(self.take, self.folder / name, name, LIMIT, box)

    def type(self, text):
        for c in text:
            self.virsh("send-key", self.domain, "KEY_ENTER" if c == "\n" else f"KEY_{c.upper()}")


@pytest.mark.full_only
def test_linux_on_the_hardware_of_windows_shows_what_it_finds(world, desktop_guest, tmp_path):
    vm = guestworld.empty_vm(world)
    subprocess.run(["cp", "--sparse=always", desktop_guest / "software.raw", vm / "windows.raw"], check=True)
    for name in ("setup.iso", "drivers.iso"):
        (vm / name).write_bytes(bytes(1 << 20))
    (vm / "machine.toml").write_text(MACHINE)
    guestworld.owned_by_ann(vm)
    greeter, _ = guestworld.log_in(world)
    screen = Screen(world, tmp_path)
    # Only what Microsoft's keys vouch for is started: shim, and by its own keys Debian's GRUB and kernel.
    screen.looks_like("grub-entry.png", GRUB_ENTRY)
    screen.type("\n")
    screen.looks_like("windows-hardware.png", PROMPT)
    screen.type("hardware\n")
    for box in (DISKS, SECURE_BOOT, TPM):
        screen.looks_like("windows-hardware.png", box)
    screen.type("off\n")
    assert greeter.end(LIMIT) == 0
    world.assert_clean()
