# SPDX-License-Identifier: GPL-3.0-or-later
"""Point a: from power-on over firmware, iPXE, kernel and bootstrap to the greeter, on the console that the machine's record names."""
import re

import pytest

from greeter import ASKS_NAME, BOOT_TIMEOUT, Greeter
from processes import wait_until


def check_report(world, w):
    """What the provisioner knows after the boot: facts, stage, no error."""
    m = wait_until(lambda: (lambda m: m if "prompt" in str(m.get("status", m)) else None)(world.machine(w)), 120,
                   f"{w.name} reporting its prompt")
    text = str(m)
    for fact in ("cpu", "memory_mib", "disks", "nics", "kvm"):
        assert fact in text, f"no {fact} in the machine's row: {m}"
    assert w.mac in text


def test_a_network_boot_reaches_the_greeter_on_seabios_and_the_serial_line(world, machine):
    w = machine("bios", firmware="bios", console="ttyS0")
    w.power_on()
    Greeter(w.screen).wait_prompt(BOOT_TIMEOUT)
    assert "bios" in w.screen.lines()[0], "the host name of the machine's record stands at the top"
    assert re.findall(rb"\[ *\d+\.\d{6}\][^\r\n]*", w.screen.raw()) == [], "the kernel says nothing from its start to the prompt"
    check_report(world, w)
    assert w.agent("cat /sys/class/tty/console/active").split()[-1] == "ttyS0"


def test_a_network_boot_reaches_the_greeter_on_ovmf_and_the_graphical_console(world, machine):
    w = machine("uefi", firmware="uefi", nic="e1000", console="tty1")
    w.power_on()
    w.agent("true", timeout=BOOT_TIMEOUT)
    w.wait_virtual_terminal(ASKS_NAME, timeout=BOOT_TIMEOUT)
    assert "uefi" in w.virtual_terminal().splitlines()[0]
    check_report(world, w)
    assert w.agent("test -d /sys/firmware/efi && echo efi").strip() == "efi"
