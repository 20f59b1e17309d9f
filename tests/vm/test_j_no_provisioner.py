# SPDX-License-Identifier: GPL-3.0-or-later
"""Point j: nobody answers boot.ipxe's question; the workstation continues with its local disk. DHCP and TFTP, which gave it
the script, are there; the provisioner is not."""
import pytest

from disks import LOCAL_DISK_SAYS, make_bootable_disk


@pytest.fixture(scope="module")
def bootable(world):
    return make_bootable_disk(world.folder)


@pytest.fixture
def silence(world):
    world.lan.stop_provisioner()
    yield
    world.lan.start_provisioner()


@pytest.mark.parametrize("firmware", ["bios", "uefi"], ids=["seabios", "ovmf"])
def test_j_without_a_provisioner_the_local_disk_boots(machine, bootable, silence, firmware):
    w = machine(f"alone-{firmware}", firmware=firmware, local_disk=bootable, data_disk=False, enrol=False)
    w.power_on()
    w.screen.wait_for(LOCAL_DISK_SAYS, timeout=300)
