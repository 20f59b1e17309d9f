# SPDX-License-Identifier: GPL-3.0-or-later
"""Points b and c: a whole session, what it leaves on the server, what it leaves on the client (nothing), and the one after it."""
import re

import pytest

from conftest import at_the_prompt
from invariants import client_is_clean, server_is_clean
from people import people

SECRET = "berth-wrote-this-7731"
ANN = people["ann"]
MEMORY_MIB = 128  # of the guest (siteworld.py)
EATEN_MIB = 140


class Facts:
    """What the first session did, read while it ran."""


@pytest.fixture(scope="module")
def first(world, booted):
    """Ann's first session, from the prompt to the prompt."""
    desk = at_the_prompt(world, booted)
    files = world.files["ann"]
    f = Facts()
    f.desk, f.files = desk, files
    f.other_before = files.digest("play")
    f.number_before = files.highest_number("work")
    f.swap_disk_of_the_server_before = sorted(files.names("work"))
    f.guest_name = desk.greeter.login(ANN, "work")
    f.locks_during = files.locks("work")
    desk.greeter.guest("until ip route | grep -q default; do sleep 1; done")  # its address comes while the shell is already there
    f.page = desk.greeter.guest(f"wget -q -O - {world.page_url}")
    desk.greeter.guest(f"echo {SECRET} >/files/note && sync")
    before = swap_file(desk)
    cable_before = booted.network_bytes()
    f.eaten = desk.greeter.guest(f"eat-memory {EATEN_MIB}", timeout=900)
    f.cable_bytes_while_swapping = booted.network_bytes() - cable_before
    f.swap_grew = swap_file(desk) - before
    desk.greeter.power_off_guest()
    return f


def swap_file(desk):
    """Bytes allocated to the swap disks on the client."""
    return sum(int(n) * 512 for n in desk.agent("stat -c %b /var/lib/berth/swap/*").split())


def test_b_the_guest_takes_the_console_and_hears_typed_keys(first):
    assert first.guest_name == "work"
    assert first.locks_during == [f"lock.{first.number_before + 1}"]


def test_b_the_guest_fetches_a_page_over_nat(first, world):
    assert world.page_text.strip() in first.page


def test_b_the_guest_swaps_on_the_client_and_never_at_the_server(first):
    m = re.search(rf"{EATEN_MIB} MiB came back unchanged, (\d+) KiB were in swap", first.eaten)
    assert m, first.eaten
    in_swap = int(m[1]) * 1024
    assert in_swap > (EATEN_MIB - MEMORY_MIB) << 20, "the working set was larger than the memory"
    assert first.swap_grew >= in_swap // 2, f"only {first.swap_grew} bytes came to the client's swap file"
    assert first.cable_bytes_while_swapping < 4 << 20, f"{first.cable_bytes_while_swapping} bytes left or reached the client meanwhile"
    assert not [n for n in first.files.names("work") if "swap" in n]


def test_b_the_written_file_is_on_the_server(first):
    assert first.files.contains("work", "files.raw", SECRET.encode())


def test_b_afterwards_the_server_shows_no_lock_and_this_client_as_the_last_user(first):
    assert server_is_clean(first.files, "work", first.desk.client) == first.number_before + 1


def test_b_afterwards_nothing_is_left_on_the_client(first):
    client_is_clean(first.desk.agent)


def test_c_a_second_session_sees_the_data_and_the_other_vm_is_untouched(first):
    desk, files = first.desk, first.files
    before = files.highest_number("work")
    desk.greeter.login(ANN, "work")
    assert SECRET in desk.greeter.guest("cat /files/note")
    desk.greeter.power_off_guest()
    assert before > first.number_before and server_is_clean(files, "work", desk.client, above=before) == before + 1
    client_is_clean(desk.agent)
    assert files.digest("play") == first.other_before
