# SPDX-License-Identifier: GPL-3.0-or-later
"""A stock Debian: UEFI with variables of its own, an AHCI disk, an e1000e card."""
import json
import re
import subprocess

import guestworld
import sessionworld

MACHINE = f"""schema = 1
uuid = "{sessionworld.UUID % 0x21}"
memory = "512 MiB"
firmware = "uefi"

[network]
model = "e1000e"

[[disk]]
name = "software"
role = "software"
bus = "sata"
path = "software.raw"
"""
ROOT_BEGINS = 65 << 20  # make_stock_guest's second partition


def log_in(guest):
    guest.read_to(rb"stock login: ", "the login prompt")
    guest.type("root\n")
    guest.read_to(rb"root@stock:~# ", "the shell")
    # Then systemd has no more to say on this console.
    guest.run("systemctl is-system-running --wait || true")


def test_a_stock_debian_by_uefi_installs_packages_restarts_in_the_session_and_shuts_down(world, stock_guest, repository):
    vm = guestworld.empty_vm(world)
    subprocess.run(["cp", "--sparse=always", stock_guest / "software.raw", vm], check=True)
    (vm / "machine.toml").write_text(MACHINE)
    guestworld.owned_by_ann(vm)
    world.power_button_seconds = guestworld.LIMIT
    greeter, guest = guestworld.log_in(world)
    log_in(guest)
    assert "/ata1/" in guest.run("readlink -f /sys/block/sda")
    assert guest.run("basename $(readlink /sys/class/net/en*/device/driver)") == "e1000e\n"

    guest.run("/lib/systemd/systemd-networkd-wait-online --timeout=120")
    guest.run(f"echo 'deb [trusted=yes] {repository.url}/ ./' >/etc/apt/sources.list; apt-get -q update")
    guest.run("DEBIAN_FRONTEND=noninteractive apt-get -q -y install bc jq")
    assert len([p for p in repository.asked if p.endswith(".deb")]) >= 5, "bc and jq have dependencies"
    guest.run(r"efibootmgr -q --create --disk /dev/sda --part 1 --label Survivor --loader '\EFI\debian\grubx64.efi'")
    first_boot = guest.run("cat /proc/sys/kernel/random/boot_id")

    guest.type("reboot\n")
    log_in(guest)
    assert world.locks() == ["lock.1"]
    assert guest.run("cat /proc/sys/kernel/random/boot_id") != first_boot
    assert re.search(r"BootCurrent: (\S+)\n.*Boot\1\* Survivor", guest.run("efibootmgr"), re.S), "the firmware has started the new entry"
    assert json.loads(guest.run("""echo '{"n": 6}' | jq -cM '[.n * 7]'""")) == [42]
    assert guest.run("echo '2^70' | bc") == f"{2**70}\n"

    guestworld.close(greeter)
    guestworld.read_to_the_end(guest)
    assert greeter.end(guestworld.LIMIT) == 0
    assert greeter.result == "done"
    assert not any("switched off" in t for t in greeter.texts("status")), "it has shut down by itself"
    world.assert_clean()
    assert world.last_used()[0] == 1
    assert "Survivor".encode("utf-16-le") in (vm / "nvram").read_bytes()
    assert guestworld.is_sound(vm / "software.raw", ROOT_BEGINS)
    packages = guestworld.stored(vm / "software.raw", "/var/lib/dpkg/status", ROOT_BEGINS).decode()
    for name in ("bc", "jq", "libjq1"):
        assert f"Package: {name}\nStatus: install ok installed\n" in packages
