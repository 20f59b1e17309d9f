# SPDX-License-Identifier: GPL-3.0-or-later
"""Point d: who may not in is told why, by PAM's and our words, and nothing is mounted for them."""
from greeter import ASKS_NAME, STEP_TIMEOUT
from invariants import client_is_clean
from people import PASSWORD


def refused(desk, files, *patterns):
    for p in patterns:
        desk.screen.wait_for(p, timeout=STEP_TIMEOUT)
    desk.greeter.wait_prompt(STEP_TIMEOUT)
    if files:
        assert files.locks() == [] and files.last_used() is None, "the user's files were touched"
    client_is_clean(desk.agent)


def test_d_a_wrong_password_is_refused_and_never_shown(desk, person, world):
    mark = desk.screen.mark()
    desk.greeter.name_and_password("bea", "not-her-password")
    refused(desk, world.files["bea"], r"BERTH-L01")
    assert b"not-her-password" not in desk.screen.raw(mark)


def test_d_an_unknown_user_is_told_the_same_as_with_a_wrong_password(desk):
    desk.greeter.name_and_password("nobody-knows-me", PASSWORD)
    refused(desk, None, r"BERTH-L01")


def test_d_a_locked_account_is_refused(desk, person, world):
    desk.greeter.name_and_password("lou", PASSWORD)
    refused(desk, world.files["lou"], r"BERTH-L0[12]")


def test_d_an_ended_account_is_refused_with_its_reason(desk, person, world):
    desk.greeter.name_and_password("max", PASSWORD)
    # Debian's stack answers "permission denied" for whatever is wrong with an account; the reason is in the message of its module.
    refused(desk, world.files["max"], r"BERTH-L0[27]", r"(?i)account has expired")


def test_d_an_expired_password_is_changed_at_the_prompt_and_the_session_starts(desk, person, world):
    new = "battery-staple-42"
    desk.greeter.name_and_password("eve", PASSWORD)
    desk.screen.wait_for(r"Current password:", timeout=STEP_TIMEOUT)
    desk.screen.type(PASSWORD, enter=True)
    desk.screen.wait_for(r"New password:", timeout=STEP_TIMEOUT)
    desk.screen.type(new, enter=True)
    desk.screen.wait_for(r"Retype new password:", timeout=STEP_TIMEOUT)
    mark = desk.screen.mark()
    desk.screen.type(new, enter=True)
    desk.greeter.wait_guest()
    assert new.encode() not in desk.screen.raw(mark)
    desk.greeter.power_off_guest()
    # The old one is worth nothing now.
    desk.greeter.name_and_password("eve", PASSWORD)
    desk.screen.wait_for(r"BERTH-L01", timeout=STEP_TIMEOUT)
