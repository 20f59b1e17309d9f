# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's guest, as make-vm makes it: boots by its own boot loader, keeps files, swaps, obeys the power button."""
import subprocess
import tomllib

import pexpect
import pytest


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
        self.monitor_path = folder / "monitor"
        self.monitor_path.unlink(missing_ok=True)
        drives = [a for d in disks for a in ("-drive", f"if=virtio,format=raw,file={d}")]
        self.screen = pexpect.spawn(
            "qemu-system-x86_64",
            ["-accel", "tcg", "-m", "128", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot", *drives,
             "-nic", "user,model=virtio-net-pci", "-device", "virtio-rng-pci", "-monitor", f"unix:{self.monitor_path},server=on,wait=off"],
            encoding="utf-8", timeout=120)
        self.prompt()

    def prompt(self):
        self.screen.expect_exact("work# ")
        return self.screen.before

    def run(self, command):
        self.screen.sendline(command)
        return self.prompt()

    def power_button(self):
        subprocess.run(["/usr/bin/python3", "-c", "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
                        "s.recv(200); s.sendall(b'system_powerdown\\n'); s.recv(200)", self.monitor_path], check=True)
        self.wait_off()

    def wait_off(self):
        self.screen.expect(pexpect.EOF)
        self.screen.close()
        assert self.screen.exitstatus == 0


def test_guest_keeps_a_file_over_power_off_and_on(vm):
    guest = Guest(vm)
    assert "swap" in guest.run("grep vd /proc/swaps && echo swap is on")
    guest.run("echo 'a line that stays' > /files/note")
    guest.power_button()
    guest = Guest(vm)
    assert "a line that stays" in guest.run("cat /files/note")
    guest.screen.sendline("poweroff")
    guest.wait_off()


def test_guest_works_on_more_than_its_memory(vm):
    guest = Guest(vm)
    said = guest.run("eat-memory 180")
    assert "180 MiB came back unchanged" in said
    assert int(said.split(" KiB were in swap")[0].split()[-1]) > 0
    guest.power_button()


def test_machine_toml_describes_the_disks(vm):
    machine = tomllib.loads((vm / "work/machine.toml").read_text())
    assert [(d["name"], d["role"]) for d in machine["disk"]] == [("software", "software"), ("files", "files"), ("swap", "swap")]
    for disk in machine["disk"][:2]:
        assert (vm / "work" / disk["path"]).stat().st_size % 512 == 0
