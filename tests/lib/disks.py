# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk with a boot loader that BIOS and UEFI start and that says so on the serial line: it stands for an installed system."""
import pathlib

from processes import run

LOCAL_DISK_SAYS = "THE LOCAL DISK BOOTED"

_GRUB = f"""serial --unit=0 --speed=115200
terminal_output serial console
echo "{LOCAL_DISK_SAYS}"
while true; do sleep 3600; done
"""


def make_bootable_disk(folder):
    folder = pathlib.Path(folder)
    tree = folder / "bootable"
    (tree / "boot/grub").mkdir(parents=True)
    (tree / "boot/grub/grub.cfg").write_text(_GRUB)
    disk = folder / "bootable.img"
    run("grub-mkrescue", "-o", disk, tree)
    size = disk.stat().st_size
    with open(disk, "r+b") as f:  # whole mebibytes, as disks have
        f.truncate((size + (1 << 20) - 1) >> 20 << 20)
    return disk
