# SPDX-License-Identifier: GPL-3.0-or-later
"""Point g: the power goes while the guest runs; after the next boot the user logs in and nothing is left of the cut session. And the power
button, which cuts nothing."""
from greeter import BOOT_TIMEOUT, Greeter
from invariants import client_is_clean, server_is_clean
from people import people


def test_g_after_a_power_cut_the_user_logs_in_again_and_nothing_is_left(desk, world):
    machine, files, pia = desk.machine, world.files["pia"], people["pia"]
    desk.greeter.login(pia)
    desk.greeter.guest("echo before-the-cut >/files/note && sync")
    assert files.locks() == ["lock.1"]
    machine.cut_power()

    machine.set_boot(world.direct(machine))
    machine.power_on()
    Greeter(machine.screen).wait_prompt()
    desk.greeter.login(pia)
    assert "before-the-cut" in desk.greeter.guest("cat /files/note")
    desk.greeter.power_off_guest()
    assert server_is_clean(files, "work", desk.client) >= 2
    client_is_clean(desk.agent)


def test_g_the_workstations_power_button_closes_the_guest_first(desk, world):
    """berth-settle.service holds the power-off until the session has closed its guest, saved, and released the lock (REQUIREMENTS X3)."""
    files, written = world.files["pat"], "written-and-not-yet-synced"
    desk.greeter.login(people["pat"])
    desk.greeter.guest(f"echo {written} >/files/note")
    client = desk.client
    desk.machine.qmp("system_powerdown")
    desk.machine.wait_off(BOOT_TIMEOUT)
    server_is_clean(files, "work", client)
    assert files.contains("work", "files.raw", written.encode())
