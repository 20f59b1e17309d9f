# SPDX-License-Identifier: GPL-3.0-or-later
"""Point g: the power goes at a step of the session; after the next boot the user logs in and nothing is left of the cut session. And the
power button, which cuts nothing."""
import pytest

from greeter import BOOT_TIMEOUT, STEP_TIMEOUT, Greeter
from invariants import client_is_clean, server_is_clean
from people import CUT_AT, people
from processes import wait_until

NOTE = "before-the-cut"
IN, OUT = "login", "logout"
# What the greeter shows while it is at a step (greeter/session/step_table.cpp), and on which way.
SHOWN = {
    "authenticate": (IN, "Checking your password"),
    "credentials": (IN, "Opening your login session"),
    "mount": (IN, "Opening your files"),
    "choose": (IN, "Looking for your virtual machines"),
    "check": (IN, "Checking your virtual machine"),
    "swap": (IN, "Preparing its swap disk"),
    "volume": (IN, "Connecting its disks"),
    "vm": (IN, "Starting your virtual machine"),
    "close-vm": (OUT, "Closing your virtual machine"),
    "save": (OUT, "Saving the last changes"),
    "delete-swap": (OUT, "Deleting its swap disk"),
    "close-files": (OUT, "Closing your files"),
}


def until_the_lock_is_there(desk, files):
    wait_until(files.locks, STEP_TIMEOUT, "the lock on the server", interval=0.001)


def until_it_runs(desk, files):
    desk.greeter.wait_guest()
    desk.greeter.guest(f"echo {NOTE} >/files/note && sync")


def until_the_lock_is_gone(desk, files):
    desk.greeter.wait_guest()
    desk.screen.type("poweroff", enter=True)
    wait_until(lambda: not files.locks(), STEP_TIMEOUT, "the lock to be released", interval=0.001)


def until_shown(way, text):
    def wait(desk, files):
        if way == OUT:
            desk.greeter.wait_guest()
        since = desk.screen.mark()
        if way == OUT:
            desk.screen.type("poweroff", enter=True)
        desk.screen.wait_raw(text.encode(), since=since, timeout=STEP_TIMEOUT)
    return wait


MOMENTS = {"lock": until_the_lock_is_there, "running": until_it_runs, "release": until_the_lock_is_gone,
           **{name: until_shown(*shown) for name, shown in SHOWN.items()}}
assert set(MOMENTS) == set(CUT_AT)


@pytest.mark.parametrize("moment", [pytest.param(m, marks=[pytest.mark.full_only] if m in SHOWN else []) for m in MOMENTS])
def test_g_after_a_power_cut_the_user_logs_in_again_and_nothing_is_left(desk, world, moment):
    machine, person = desk.machine, people[CUT_AT[moment]]
    files = world.files[person.name]
    before = files.highest_number()
    desk.greeter.name_and_password(person.name, person.password)
    MOMENTS[moment](desk, files)
    if moment == "running":
        assert files.locks() == [f"lock.{before + 1}"]
    machine.cut_power()
    number = files.highest_number()

    machine.set_boot(world.direct(machine))
    machine.power_on()
    Greeter(machine.screen).wait_prompt()
    desk.greeter.login(person)
    if moment == "running":
        assert NOTE in desk.greeter.guest("cat /files/note")
    desk.greeter.power_off_guest()
    server_is_clean(files, "work", desk.client, above=number)
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
