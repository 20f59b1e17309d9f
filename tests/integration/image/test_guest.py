# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's guest, as make-vm makes it: boots by its own boot loader, keeps files, swaps, obeys the power button."""
import subprocess
import tomllib

import pexpect
import pytest

from qmp import Qmp


@pytest.fixture(scope="module")
def vm(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vms")
    # As an ordinary user would: no root, no loop device, no mount.
    guest = subprocess.run([root / "image/guest/make-guest"], capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run([root / "image/guest/make-vm", folder, "--name", "work", "--memory", "128", "--guest", guest], check=True)
    swap = folder / "swap.raw"
    with open(swap, "wb") as f:
        f.truncate(512 << 20)
    subprocess.run(["mkswap", "-q", "-L", "swap", swap], check=True, stderr=subprocess.DEVNULL)
    return folder


class Guest:
    def __init__(self, folder):
        disks = [folder / "work/software.raw", folder / "work/files.raw", folder / "swap.raw"]
        self.qmp_path = folder / "qmp"
        self.qmp_path.unlink(missing_ok=True)
        drives = [a for d in disks for a in ("-drive", f"if=virtio,format=raw,file={d}")]
        self.screen = pexpect.spawn(
            "qemu-system-x86_64",
            ["-accel", "tcg", "-m", "128", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot", *drives,
             "-nic", "user,model=virtio-net-pci", "-device", "virtio-rng-pci", "-qmp", f"unix:{self.qmp_path},server=on,wait=off"],
            encoding="utf-8", timeout=240)
        self.qmp = Qmp(self.qmp_path, self)
        self.hear("work# ", 240)

    def check(self):
        assert self.screen.isalive(), self.screen.read()

    def hear(self, text, timeout):
        """What came before `text`. A machine that stays silent is shown from inside the emulator."""
        try:
            self.screen.expect_exact(text, timeout)
        except pexpect.TIMEOUT:
            pytest.fail(f"no {text!r} from the guest, only {self.screen.before!r}\n{self.qmp('query-status')}\n{self.qmp.monitor('info registers')}")
        return self.screen.before

    def type(self, line):
        """A line, once the guest shows it; its serial line may lose what was typed, as any does, and is then typed at again."""
        for _ in range(5):
            self.screen.send(line)
            if self.screen.expect_exact([line, pexpect.TIMEOUT], timeout=20) == 0:
                break
            self.screen.send("\x15")
        else:
            self.hear(line, 1)
        self.screen.send("\r")

    def run(self, command, timeout=120):
        self.type(f"{command}; echo end-$((40+2))")
        return self.hear("end-42", timeout)

    def power_button(self):
        self.qmp("system_powerdown")
        self.wait_off()

    def wait_off(self):
        self.screen.expect(pexpect.EOF)
        self.qmp.close()
        self.screen.close()
        assert self.screen.exitstatus == 0


def test_guest_keeps_a_file_over_power_off_and_on(vm):
    guest = Guest(vm)
    assert "swap" in guest.run("grep vd /proc/swaps && echo swap is on")
    guest.run("echo 'a line that stays' > /files/note")
    guest.power_button()
    guest = Guest(vm)
    assert "a line that stays" in guest.run("cat /files/note")
    guest.type("poweroff")
    guest.wait_off()


@pytest.mark.full_only  # the plain run's guests swap in a session (tests/vm/test_b_session.py)
def test_guest_works_on_more_than_its_memory(vm):
    guest = Guest(vm)
    said = guest.run("eat-memory 180", 600)
    assert "180 MiB came back unchanged" in said
    assert int(said.split(" KiB were in swap")[0].split()[-1]) > 0
    guest.power_button()


def test_machine_toml_describes_the_disks(vm):
    machine = tomllib.loads((vm / "work/machine.toml").read_text())
    assert [(d["name"], d["role"]) for d in machine["disk"]] == [("software", "software"), ("files", "files"), ("swap", "swap")]
    for disk in machine["disk"][:2]:
        assert (vm / "work" / disk["path"]).stat().st_size % 512 == 0
