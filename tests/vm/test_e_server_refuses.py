# SPDX-License-Identifier: GPL-3.0-or-later
"""Point e: what can be wrong with the user's files; each is explained and the user logged off cleanly."""
from greeter import STEP_TIMEOUT
from invariants import client_is_clean
from people import PASSWORD


def refused(desk, name, code, *details):
    desk.greeter.name_and_password(name, PASSWORD)
    desk.screen.wait_for(code, timeout=STEP_TIMEOUT)
    for d in details:
        desk.screen.wait_for(d, timeout=STEP_TIMEOUT)
    desk.greeter.wait_prompt(STEP_TIMEOUT)
    client_is_clean(desk.agent)
    if name in desk.world.files:
        files = desk.world.files[name]
        assert files.locks() == [] and files.last_used() is None


def test_e_a_read_only_export_is_explained(desk):
    refused(desk, "rita", "BERTH-M03")


def test_e_a_missing_disk_is_named(desk, world):
    (world.files["mia"].vm() / "files.raw").unlink(missing_ok=True)
    refused(desk, "mia", "BERTH-M32", "files")


def test_e_a_full_file_system_is_explained(desk, world):
    ballast = world.small / "ballast"
    with open(ballast, "wb", buffering=0) as f:
        try:
            while f.write(bytes(4096)):
                pass
        except OSError as e:
            assert e.errno == 28
    try:
        refused(desk, "fay", "BERTH-M07")
    finally:
        ballast.unlink()


def test_e_a_used_up_quota_is_explained(desk, world):
    world.lan.set_quota(world.quota, 1 << 16)
    refused(desk, "quinn", "BERTH-M08")


def test_e_a_file_server_that_is_not_there_is_explained(desk):
    refused(desk, "nora", r"BERTH-M0[24]")
