# SPDX-License-Identifier: GPL-3.0-or-later
"""A small Linux by BIOS from a SCSI disk: at work, deaf to its power button, and in a panic."""
import hashlib

import guestworld
from person import AtScreen
from processes import wait_until

PROOF = b"written before the end\n"
WRITE = f"echo {PROOF.decode().strip()} >/files/proof; sync"


def boot(world):
    greeter, guest = guestworld.log_in(world)
    guest.read_to(rb"work# ", "the guest's shell")
    return greeter, guest


def ended(world, greeter, guest):
    guestworld.read_to_the_end(guest)
    assert greeter.end(guestworld.LIMIT) == 0
    assert greeter.result == "done"
    world.assert_clean()


def statuses(greeter):
    return " ".join(greeter.texts("status"))


def test_a_bios_guest_on_scsi_disks_writes_reads_back_and_powers_off(world, make_tiny_vm):
    vm = make_tiny_vm("--bus", "scsi")
    greeter, guest = boot(world)
    assert "virtio_scsi" in guest.run("for d in /sys/block/sd[abc]/device/../../..; do readlink -f $d/driver; done")
    guest.run("test ! -e /sys/block/vda; test ! -d /sys/firmware/efi")
    guest.run("head -c 4000000 /dev/urandom >/files/data; sync")
    written = guest.run("sha256sum </files/data").split()[0]
    guest.run("echo 3 >/proc/sys/vm/drop_caches")
    assert guest.run("sha256sum </files/data").split()[0] == written
    guest.type("poweroff\n")
    ended(world, greeter, guest)
    assert "console-end" in [b["type"] for b in greeter.shown]
    assert hashlib.sha256(guestworld.stored(vm / "files.raw", "/data")).hexdigest() == written


def test_a_guest_that_ignores_acpi_is_switched_off_after_its_time_and_keeps_what_it_flushed(world, make_tiny_vm):
    world.power_button_seconds = 1
    vm = make_tiny_vm("--bus", "scsi")
    greeter, guest = boot(world)
    guest.run(f"killall acpid; rmmod button; {WRITE}")
    guestworld.close(greeter)
    ended(world, greeter, guest)
    told = statuses(greeter)
    assert told.index("Asking your virtual machine to shut down") < told.index("did not shut down in time and is switched off")
    assert guestworld.stored(vm / "files.raw", "/proof") == PROOF


def test_a_guest_that_panics_restarts_in_the_session_if_set_up_to_else_stands_still_and_can_be_left(world, make_tiny_vm):
    world.power_button_seconds = 1
    vm = make_tiny_vm("--bus", "scsi")
    greeter, guest = boot(world)
    guest.run(f"{WRITE}; echo 1 >/proc/sys/kernel/panic")
    guest.type("echo c >/proc/sysrq-trigger\n")
    guest.read_to(rb"Kernel panic - not syncing", "the panic")
    guest.read_to(rb"work# ", "the restarted guest's shell")
    assert world.locks() == ["lock.1"]
    assert guest.run("cat /files/proof").encode() == PROOF

    guest.run("echo second >/files/proof; sync; echo 0 >/proc/sys/kernel/panic")
    guest.type("echo c >/proc/sysrq-trigger\n")
    guest.read_to(rb"end Kernel panic - not syncing", "the end of the panic")
    guestworld.close(greeter)
    ended(world, greeter, guest)
    assert "did not shut down in time and is switched off" in statuses(greeter)
    assert "console-end" in [b["type"] for b in greeter.shown]
    assert guestworld.stored(vm / "files.raw", "/proof") == b"second\n"


def test_a_panic_that_berth_is_told_of_stands_on_the_screen_until_its_user_leaves_by_the_menu(world, make_tiny_vm, screen_folder):
    vm = make_tiny_vm("--bus", "scsi", changes=[("memory =", 'devices = ["rng", "panic"]\nmemory =')])
    # Far more than this test's patience: the power button's time plays no part.
    world.power_button_seconds = 10 * guestworld.LIMIT
    person = AtScreen(world, screen_folder)
    try:
        guest = guestworld.ScreenTerminal(person)
        guest.read_to(rb"work# ", "the guest's shell")
        # It is set up to restart automatically, and does not.
        guest.run(f"{WRITE}; echo 1 >/proc/sys/kernel/panic")
        guest.type("echo c >/proc/sysrq-trigger\n")
        guest.read_to(rb"Kernel panic - not syncing", "the panic")
        guest.read_to(rb"\[Berth: BERTH-H09: [^]]*crashed", "word of the crash")
        assert world.locks() == ["lock.1"]
        person.console.type("\x1d")
        person.console.wait("2  Shut the VM down", guestworld.LIMIT)
        person.console.type("2\r")
        wait_until(person.ended, guestworld.LIMIT, "the session's end")
        person.console.wait("User name:", guestworld.LIMIT)
    finally:
        person.close()
    world.assert_clean()
    assert guestworld.stored(vm / "files.raw", "/proof") == PROOF
