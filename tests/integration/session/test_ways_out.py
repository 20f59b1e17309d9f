# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way out: at each step each fault, made at the very begin of the step (step_seam.cpp). After it nothing is left
behind, what the guest was told to be on its disk is there, and the next login works. ways_out.py says what is tried."""
import contextlib
import os
import pathlib
import signal
import struct
import subprocess
import tempfile
import time

import pytest

import faults
import sessionworld
import ways_out
from person import AtScreen, Direct

RESULTS = {}
LIMIT = 150
# Whatever the step: these do not end a session, and its last word is that all went well.
HARMLESS = ("ui", "wall")
# With a guest that runs, these are a pause at most.
RUNS_ON = ("files", "libvirtd", "stopped", "read-only", "filled", "slow", "wall", "boot", "local")


def outcomes():
    return ways_out.table(lambda s, f: RESULTS.get((s, f), ""))


@contextlib.contextmanager
def small_disk(folder, size):
    subprocess.run([sessionworld.ROOT / "tests/lib/memory-disk", size, folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(scope="module")
def world(build):
    with tempfile.TemporaryDirectory(prefix="berth-out-") as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        # Before libvirt's namespace is made, so that they are in it.
        stack.enter_context(small_disk(folder / "export", "32M"))
        stack.enter_context(small_disk(folder / "local", "192M"))
        libvirt = sessionworld.Libvirt()
        stack.callback(libvirt.close)
        world = sessionworld.SessionWorld(libvirt, build, folder=folder)
        stack.callback(world.close)
        world.local = folder / "local"
        world.state, world.swap = world.local / "state", world.local / "swap"
        world.seam = folder / "seam"
        world.seam.mkdir()
        faults.clock_file(world.seam / "clock")
        plain = world.environment()
        world.environment = lambda: {**plain, "BERTH_TEST_SEAM": str(world.seam),
                                     "LD_PRELOAD": plain["LD_PRELOAD"] + f":{world.build}/bin/session_step_seam.so"}
        world.cells = 0
        yield world
    written = pathlib.Path(os.environ.get("BERTH_OUT", sessionworld.ROOT / "out")) / "log"
    written.mkdir(parents=True, exist_ok=True)
    (written / "ways-out.md").write_text(outcomes())


class Cell:
    def __init__(self, world, step, fault):
        self.world, self.step, self.person, self.proxy = world, step, None, None
        self.fault = faults.Fault(fault, self)
        world.cells += 1
        base = world.export / f"c{world.cells}"
        world.user = base / "ann"
        world.user.mkdir(parents=True)
        os.chown(world.user, sessionworld.UID, sessionworld.UID)
        self.disk = world.add_vm("work", world.cells % 200) / "software.raw"
        ports = world.server.ports
        if fault == "slow":
            self.proxy = faults.SlowProxy(ports)
            world.server.ports = self.proxy.ports
        world.configure(directory=base)
        world.server.ports = ports
        self.clock()
        self.held = None  # the stopped session and its nsenter

    def clock(self, **ahead):
        faults.clock_file(self.world.seam / "clock", **ahead)

    def log_in(self, name):
        if self.fault.name in ("greeter", "ui"):
            if self.person is None:
                self.screen_folder = tempfile.TemporaryDirectory(prefix="berth-scr-")
            else:
                self.person.close()
            folder = pathlib.Path(self.screen_folder.name) / name
            folder.mkdir()
            pathlib.Path(self.screen_folder.name).chmod(0o755)
            self.person = AtScreen(self.world, folder)
        else:
            self.person = Direct(self.world, name)

    def go_on_until(self, condition, what, letter=None):
        """Lets the person work; `letter`: what is asked of the guest meanwhile."""
        end = time.monotonic() + LIMIT
        while not condition():
            assert not self.person.ended() or condition(), f"the session ended before {what}; shown: {self.person.shown()}; {self.person.log()}"
            self.person.advance()
            self.fault.poll()
            guest = self.person.guest
            if guest is not None and letter is not None:
                guest.ask(letter() if callable(letter) else letter)
            assert time.monotonic() < end, f"{what} never came; shown: {self.person.shown()}; {self.person.log()}"

    def wrote(self, count):
        return lambda: self.person.guest is not None and len(self.person.guest.records()) >= count

    def stopped(self):
        """The session, and its nsenter, which stops itself when it sees its child stopped: one that is told to continue before it has
        done so stays stopped for ever."""
        pid = faults.session_pid(self.world)
        if pid is None:
            return False
        with contextlib.suppress(OSError):
            state, parent = faults.state_and_parent(pid)
            if state == "T" and faults.state_and_parent(parent)[0] == "T":
                self.held = (pid, parent)
        return self.held is not None

    def reach(self):
        """Up to the very begin of the step: what was announced, nothing of it done."""
        kind, _, name = self.step.partition(" ")
        seam = self.world.seam / "stop-at"
        if kind == "do":
            seam.write_text(f"{name} doing")
        self.log_in("s1")
        if kind == "do":
            self.go_on_until(self.stopped, self.step)
            return
        self.go_on_until(self.wrote(3), "three records", b"w")
        if kind == "undo":
            seam.write_text(f"{name} undoing")
            self.go_on_until(self.stopped, self.step, b"q")

    def resume(self):
        """Lets the session continue. nsenter stops with its child and must continue, too, even if the child is gone."""
        for pid in self.held or ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.held = None

    def to_the_end(self):
        """The guest, if there is one, writes until the fault is over and two records more, then switches off."""
        before = len(self.person.guest.records()) if self.person.guest else 0

        def letter():
            local = self.fault.name == "local"
            enough = len(self.person.guest.records()) >= before + 2
            return b"q" if enough and (local or not self.fault.on) else b"w"
        self.go_on_until(self.person.ended, "the session's end", letter)
        for _ in range(5):
            self.person.advance()
        self.went_on = self.person.guest is not None and len(self.person.guest.records()) >= before + 2

    def settle(self):
        """Whatever the session could not do itself is done by the sweeper: the one it started, or at the next boot."""
        while self.fault.on and self.fault.name != "local":
            self.fault.poll()
            time.sleep(0.05)
        left = bool(list(self.world.state.glob("*.json")))
        if self.fault.name == "session":
            self.world.sweep()
        end = time.monotonic() + LIMIT
        while list(self.world.state.glob("*.json")) and time.monotonic() < end:
            time.sleep(0.1)
        return left

    def check(self):
        guest = self.person.guest or self.person.lost_guest
        records = guest.records() if guest else []
        assert guest is None or b"disk bad" not in guest.text, "the guest has seen a disk error"
        names = self.world.names()
        taken = [n for n in names if n not in ("machine.toml", "software.raw")]
        assert all(n.startswith("last-used.") for n in taken), names
        if taken:
            assert "m-0001" in self.world.last_used()[1]
        else:
            assert not records
        end = time.monotonic() + 10
        while self.world.processes() and time.monotonic() < end:
            time.sleep(0.1)
        self.world.assert_client_clean()
        data = self.disk.read_bytes()
        newest = {n % 32: n for n in records}
        for slot, number in newest.items():
            words = set(struct.unpack("<256H", data[(2 + slot) * 512:(3 + slot) * 512]))
            # One record more may have been written than the guest could say.
            assert len(words) == 1 and (word := words.pop()) % 32 == slot and word >= number, f"record {number}: {words}"

    def run(self):
        self.reach()
        self.fault.inject()
        self.resume()
        self.to_the_end()
        swept = self.settle()
        done = self.person.done()
        told = self.person.shown()
        self.check()
        if self.fault.name == "local":
            self.fault.heal()
        assert not self.fault.on, "the fault was never made"
        outcome = self.outcome(done, swept)
        if self.fault.name in HARMLESS or (self.step == "running" and self.fault.name in RUNS_ON):
            assert done and not swept and (self.went_on or self.step.startswith("undo")), told
        self.clock()
        epoch = self.world.last_used()[0] if any(n.startswith("last-used") for n in self.world.names()) else 0
        self.log_in("s2")
        self.go_on_until(self.wrote(1), "the next login", b"w")
        self.go_on_until(self.person.ended, "the end of the next login", b"q")
        assert self.world.last_used()[0] > epoch
        self.check()
        return outcome

    def outcome(self, done, swept):
        """A word for the table."""
        if swept or self.fault.name == "session":
            return "swept"
        if self.fault.name == "greeter":
            return "closed"
        if self.step.startswith("undo"):
            return "closed" if done else "closed, told"
        return "continues" if self.went_on else "ends" if done else "ends, told"

    def close(self):
        with contextlib.suppress(FileNotFoundError):
            (self.world.seam / "stop-at").unlink()
        if self.fault.on:
            self.fault.heal()
        self.resume()
        if self.person is not None:
            self.person.close()
        for uuid in self.world.libvirt.virsh("list", "--uuid").split():
            self.world.libvirt.virsh("destroy", uuid)
        for pid, _ in faults.processes(self.world):
            faults.kill_session(pid)
        for folder in (self.world.state, self.world.swap, self.world.run):
            subprocess.run(["rm", "-rf", folder], check=True)
        if self.proxy is not None:
            self.proxy.close()
        if hasattr(self, "screen_folder"):
            self.screen_folder.cleanup()


def test_the_page_shows_the_table_of_what_is_tried():
    assert ways_out.documentation() in (sessionworld.ROOT / "docs/testing.md").read_text()


def parameters():
    for step, fault, plain in ways_out.cells():
        yield pytest.param(step, fault, id=f"{step}-{fault}".replace(" ", "-"), marks=() if plain else pytest.mark.full_only)


@pytest.mark.parametrize(("step", "fault"), parameters())
def test_a_step_that_meets_a_fault_ends_by_a_way_out(world, step, fault):
    cell = Cell(world, step, fault)
    RESULTS[step, fault] = "FAILED"
    begun = time.monotonic()
    try:
        outcome = cell.run()
    finally:
        cell.close()
    RESULTS[step, fault] = outcome
    assert outcome == (ways_out.must_be(step, fault) or outcome)
    print(f"{step} / {fault}: {outcome} ({time.monotonic() - begun:.0f} s)")
