# SPDX-License-Identifier: GPL-3.0-or-later
"""Point g: the power goes while the guest runs; after the next boot the user logs in and nothing is left of the cut session."""
from greeter import Greeter
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
