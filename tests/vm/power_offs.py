# SPDX-License-Identifier: GPL-3.0-or-later
"""Power-offs by the power button while a guest runs, of a host whose processors are all taken."""
import contextlib
import os
import re

from greeter import BOOT_TIMEOUT
from invariants import server_is_clean
from people import people
from processes import Process


def write_now_and_when_closing(greeter, name, seconds=0):
    """The guest writes a line without syncing it; its closing takes so long, and writes another one as the last thing before it lets the disk
    go. The two lines, which the guest computes: what was typed may be on its disk, too."""
    greeter.guest(f"sed -i 's,^umount,sleep {seconds}; echo closed-$((40+2))-{name} >/files/closed; sync; umount,' /etc/stop")
    greeter.guest(f"echo written-$((40+2))-{name} >/files/note")
    return f"written-42-{name}\n", f"closed-42-{name}\n"


def guests_cut(desk, world, rounds):
    """The rounds whose guest was cut, with what is missing and what the screen said: none. On the way down half of the host's processors are
    taken by this, and two workstations at a time take all: every step takes its time and meets the others anew."""
    files, client, cut = world.files["pat"], desk.client, {}
    for number in rounds:
        if number != rounds[0]:
            desk.again()
        desk.greeter.login(people["pat"])
        lines = write_now_and_when_closing(desk.greeter, f"round-{number}")
        screen = desk.screen
        since = screen.mark()
        with contextlib.ExitStack() as load:
            for _ in range(max(1, os.cpu_count() // 2)):
                hog = Process(["timeout", str(BOOT_TIMEOUT), "sh", "-c", "while :; do :; done"], world.folder / "load.log")
                load.callback(hog.kill)
            desk.machine.qmp("system_powerdown")
            desk.machine.wait_off(BOOT_TIMEOUT)
        server_is_clean(files, "work", client)
        missing = [line for line in lines if not files.contains("work", "files.raw", line.encode())]
        told = re.findall(rb"BERTH-[A-Z]\d\d", screen.raw(since))
        if missing or told:
            cut[number] = (missing, told)
        print(f"round {number}: {cut.get(number, 'the guest closed')}", flush=True)
    return cut
