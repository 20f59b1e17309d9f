# SPDX-License-Identifier: GPL-3.0-or-later
"""Point f: the VM is locked by another client: named with host and time; leave it, or take it over after the full wait."""
import json

from greeter import STEP_TIMEOUT, GUEST_READY
from invariants import client_is_clean, server_is_clean
from people import people

TAKE_OVER_SECONDS = 90  # lock/record.h


def lock_by_another(files, epoch):
    """lock.<epoch> as lock/record.cpp writes it, by a client that died."""
    record = {"schema": 1, "client": "m-9999", "host": "berth-far-away", "user": files.person.name, "boot_id": "5c0e0a52-0000-4000-8000-000000000000",
              "nonce": "0123456789abcdef0123456789abcdef", "sequence": 17, "mode": "lease", "since": "2026-01-02T03:04:05Z"}
    path = files.vm() / f"lock.{epoch}"
    path.write_text(json.dumps(record).ljust(1023) + "\n")
    files.own()
    return path


def test_f_no_leaves_the_lock_alone_and_logs_off(desk, world):
    files = world.files["kim"]
    lock = lock_by_another(files, 7)
    desk.greeter.name_and_password("kim", people["kim"].password)
    desk.screen.wait_for(r"berth-far-away since 2026-01-02 \d\d:\d\d", timeout=STEP_TIMEOUT)
    desk.greeter.choose("No, log me off")
    desk.screen.wait_for(r"BERTH-K30", timeout=STEP_TIMEOUT)
    desk.greeter.wait_prompt(STEP_TIMEOUT)
    assert files.locks() == ["lock.7"] and "m-9999" in lock.read_text()
    client_is_clean(desk.agent)


def test_f_yes_claims_waits_the_whole_time_and_goes_on(desk, world):
    files = world.files["kit"]
    lock_by_another(files, 7)
    desk.greeter.name_and_password("kit", people["kit"].password)
    desk.greeter.choose("Yes, move it here")
    # The first number shown proves that the default time runs, the last ones that all of it did: no clock of ours is asked.
    first = desk.screen.wait_for(r"Asked berth-far-away to close it; at most (\d+) s", timeout=STEP_TIMEOUT)
    assert int(first[1]) > TAKE_OVER_SECONDS - 15
    assert files.locks() == ["lock.7", "lock.8"], "the claim stands beside the old lock, nothing else has happened"
    desk.screen.wait_for(r"berth-far-away does not answer; taken over in [0-3] s", timeout=TAKE_OVER_SECONDS * 4)
    desk.greeter.wait_guest()
    assert files.locks() == ["lock.8"]
    desk.greeter.power_off_guest()
    assert server_is_clean(files, "work", desk.client, above=7) == 8
    client_is_clean(desk.agent)
