# SPDX-License-Identifier: GPL-3.0-or-later
"""Point g: the power goes at a step of the session; after the next boot the user logs in and nothing is left of the cut session. And the
power button, which cuts nothing."""
import re

import pytest

from greeter import BOOT_TIMEOUT, STEP_TIMEOUT, Greeter
from invariants import client_is_clean, server_is_clean
from people import CUT_AT, people
from power_offs import guests_cut, write_now_and_when_closing
from processes import wait_until
from stop_order import StopOrder

NOTE = "before-the-cut"
IN, OUT = "login", "logout"
# What the greeter shows while it is at a step (greeter/session/steps), and on which way.
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


# What power-off may stop while a guest still closes: patterns of units, and why their end takes nothing from it.
NOT_NEEDED = {
    r"berth-watch\.service": "tells the login screen of clock and network",
    r"run-credentials-.*\.mount": "systemd's own, for a service that has ended",
}


def test_g_the_workstations_power_button_closes_the_guest_first(desk, world):
    """berth-settle.service holds the power-off until the session has closed its guest, saved, and released the lock. The
    guest takes longer than any other unit may (DefaultTimeoutStopSec): whoever tells it to end earlier, and whoever kills it, is found."""
    files = world.files["pat"]
    desk.greeter.login(people["pat"])
    lines = write_now_and_when_closing(desk.greeter, "power-button", seconds=25)
    client, screen = desk.client, desk.screen
    since = screen.mark()
    desk.machine.qmp("system_powerdown")
    desk.machine.wait_off(BOOT_TIMEOUT)
    assert not re.search(rb"BERTH-[A-Z]\d\d", screen.raw(since)), screen.raw(since)[-2000:]
    server_is_clean(files, "work", client)
    for line in lines:
        assert files.contains("work", "files.raw", line.encode()), line


def test_g_nothing_that_a_running_guest_needs_is_stopped_before_it_has_closed(desk):
    desk.greeter.login(people["pat"])
    order = StopOrder(desk.agent)
    desk.greeter.power_off_guest()
    held = order.held()
    for name in ("qemu-system-x86", "nbdkit", "berth-session", "berth-greeter", "libvirtd", "systemd-network", "dbus-daemon", "systemd-machine"):
        assert {unit for unit, names in order.processes.items() if name in names} & held, f"{name}: {order.processes}"
    assert "var-lib-berth.mount" in held
    assert [(unit, order.processes.get(unit)) for unit in order.not_held() if not any(re.fullmatch(p, unit) for p in NOT_NEEDED)] == []


@pytest.mark.full_only
def test_g_fifty_power_offs_of_a_busy_workstation_cut_no_guest(desk, world):
    """Fifty more are in test_power_offs.py, at the same time."""
    assert guests_cut(desk, world, range(50)) == {}
