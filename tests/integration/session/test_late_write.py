# SPDX-License-Identifier: GPL-3.0-or-later
"""Released means drained (docs/architecture.md): a block that lost its connection may reach the file server later, and a lock is not released before. A proxy keeps
one WRITE back and hands it over seconds after its connection ended. How much later is no matter of these tests: only that the lock stood until then."""
import os

import faults
import pytest
from test_move import TEN_MINUTES, claim, desks, holder_closes, listen, writer  # noqa: F401
from test_session import wait_until

LATE, SWEEP_WAIT = 4, 12_000


@pytest.fixture
def late(desks):  # noqa: F811
    """The holder reaches its file server through the proxy, the claimer does not."""
    berth7, berth12 = desks
    proxy = faults.LateWriteProxy(berth7.server.ports, LATE)
    real, berth7.server.ports = berth7.server.ports, proxy.ports
    berth7.times = berth12.times = f"1000,40000,{TEN_MINUTES},{SWEEP_WAIT}"
    berth7.configure(client="m-0007", host="berth-7")
    yield berth7, berth12, proxy
    berth7.server.ports = real
    proxy.close()


def keep_a_block_back(berth7, proxy):
    holder = writer(berth7, b"m")
    proxy.armed = True
    listen(holder, proxy.holding.is_set)
    return holder


def assert_locked_until_it_arrived(berth7, proxy):
    wait_until(lambda: "lock.1" not in berth7.locks(), 120)
    assert proxy.delivered.is_set(), "the lock was released while a block of its holder was under way"


def test_a_lock_is_released_after_the_last_block_of_a_volume_engine_that_died(late):
    berth7, _, proxy = late
    holder = keep_a_block_back(berth7, proxy)
    for pid, arguments in faults.processes(berth7):
        if faults.is_volume(arguments):
            os.kill(pid, 9)
    assert holder_closes(holder) == 1
    told = holder.texts("message")
    assert any("BERTH-V30" in t for t in told) and any("BERTH-K32" in t for t in told), told
    assert_locked_until_it_arrived(berth7, proxy)
    wait_until(lambda: not list(berth7.state.glob("*")))
    berth7.assert_clean(client="m-0007")


def test_a_lock_is_released_after_the_block_that_was_sent_again_on_another_connection(late):
    berth7, _, proxy = late
    holder = keep_a_block_back(berth7, proxy)
    proxy.lose()
    marks = holder.said.count(b"#")
    listen(holder, lambda: holder.said.count(b"#") > marks + 2)
    holder.send(type="vm", action="close")
    assert holder_closes(holder) == 0
    assert_locked_until_it_arrived(berth7, proxy)
    berth7.assert_clean(client="m-0007")


def test_a_lock_is_released_after_the_last_block_of_a_lease_that_ended_under_a_claim(late):
    berth7, berth12, proxy = late
    holder = keep_a_block_back(berth7, proxy)
    taker = claim(berth12)
    listen(holder, lambda: len(berth7.locks()) == 2)
    proxy.lose()
    assert holder_closes(holder) == 1
    assert_locked_until_it_arrived(berth7, proxy)
    # The take-over time is ten minutes: it starts because the lower lock went.
    taker.until("console", 90)
    taker.guest_says(b"berth guest up")
    before = (berth7.user / "work/software.raw").read_bytes()
    taker.guest_says(b"echo", nudge=b"e")
    assert (berth7.user / "work/software.raw").read_bytes() == before
    assert taker.end(60, nudge=b"q") == 0
