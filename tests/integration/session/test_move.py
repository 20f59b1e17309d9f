# SPDX-License-Identifier: GPL-3.0-or-later
""""Move my session here" (docs/architecture.md "Moving a session"): two workstations, each a berth-session with a libvirt and folders of its own, at one file server. That
the claimer starts before the rule of 90 s would let it is shown by a take-over time of ten minutes, never by a clock."""
import json
import os
import pathlib
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import time

import pytest

import sessionworld
from test_session import power_off, start_guest

TEN_MINUTES = 600_000
SLOTS = 4096  # the guest's writes go round


class Workstation(sessionworld.SessionWorld):
    """Another client of the same world: own libvirt, own state, same server and user."""

    def __init__(self, world, client, host):
        self.libvirt, self.build, self.port_mapper = sessionworld.Libvirt(), world.build, None
        self.server, self.export, self.user = world.server, world.export, world.user
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="berth-ses-"))
        self.folder.chmod(0o755)
        self.sessions = []
        self.state, self.swap, self.run = self.folder / "state", self.folder / "swap", self.folder / "run"
        self.pam_script = self.folder / "pam"
        self.pam("auth conv 1\noff Password: =geheim\n")
        self.times, self.power_button_seconds = f"1000,40000,{TEN_MINUTES},2000", 60
        self.write_users()
        self.configure(client=client, host=host)

    def close(self):
        self.end_client()
        self.libvirt.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def desks(world):
    """The holder berth-7 and the claimer berth-12."""
    world.configure(client="m-0007", host="berth-7")
    world.times, world.power_button_seconds = f"1000,40000,{TEN_MINUTES},2000", 60
    other = Workstation(world, "m-0012", "berth-12")
    yield world, other
    other.close()


def writer(world, letter):
    """A guest that writes for ever; what it says is kept from now on."""
    greeter = start_guest(world)
    greeter.said = b""
    # SeaBIOS may take a letter away from the guest: until the first mark.
    listen(greeter, lambda: b"#" in greeter.said, nudge=letter)
    return greeter


def listen(greeter, until, nudge=None, timeout=120):
    """Reads the guest's console until `until` holds or the console ends."""
    end = time.monotonic() + timeout
    while not until():
        assert time.monotonic() < end, f"the guest said {greeter.said[-80:]!r}"
        if nudge:
            greeter.console.sendall(nudge)
        if select.select([greeter.console], [], [], 0.5)[0]:
            data = greeter.console.recv(65536)
            if not data:
                return
            greeter.said += data


def holder_closes(holder, timeout=150):
    """Follows guest and greeter of the holder to the end of its session; the exit code. A console that nobody reads would stop the guest."""
    end = time.monotonic() + timeout
    console_open = True
    while True:
        assert time.monotonic() < end, f"shown: {holder.shown}; log: {holder.log_text()}"
        sockets = [holder.socket] + ([holder.console] if console_open else [])
        readable = select.select(sockets, [], [], 1)[0]
        if console_open and holder.console in readable:
            try:
                data = holder.console.recv(65536)
            except ConnectionResetError:
                data = b""
            holder.said += data
            console_open = bool(data)
        if holder.socket in readable or holder.buffer:
            body = holder.receive(1)
            if body is not None:
                holder.shown.append(body)
            if body is not None and body["type"] == "end":
                holder.result = body["result"]
                return holder.process.wait(20)


def assert_written(world, said):
    """Every write that the disk had answered to the guest stands on the server, and none is torn."""
    disk, marks = (world.user / "work/software.raw").read_bytes(), said.count(b"#")
    assert marks > 0
    for n in range(max(0, marks - SLOTS), marks):
        (found,) = struct.unpack_from("<H", disk, 512 * (2 + n % SLOTS))
        assert found >= n and (found - n) % SLOTS == 0, f"write {n} of {marks}: sector {2 + n % SLOTS} has {found}; the guest said {said[:40]!r}..{said[-40:]!r}"


def claim(desk, session="t1"):
    """Logs in at `desk`, says yes, and waits for the claim to stand."""
    greeter = desk.log_in(session, choices=[1])
    greeter.until("choice", 60)
    return greeter


def seconds_in(text):
    return [int(n) for n in re.findall(r"(\d+) s\b", text)]


def test_the_holder_closes_cleanly_and_the_claimer_starts_with_every_byte(desks):
    berth7, berth12 = desks
    holder = writer(berth7, b"m")
    taker = claim(berth12)
    title = taker.texts("choice", "title")[0]
    assert "berth-7" in title and "closed there cleanly" in title and "may be lost" in title
    assert holder_closes(holder) == 0
    assert holder.result == "done"

    told = holder.texts("status")
    asked = next(t for t in told if "asks for your virtual machine" in t)
    assert "berth-12" in asked
    button, off = seconds_in(asked)
    assert 0 < button < off < 40, "within the lease"
    assert any("closed to move to workstation berth-12" in t for t in told)
    assert not any("switched off" in t for t in told if t != asked), f"it obeyed its button: {told}"
    # Over a screen: the seconds until it is switched off, which go down.
    counted = [seconds_in(lines[0])[-1] for lines in holder.texts("standing", "lines") if lines]
    assert off - 1 <= counted[0] <= off and counted == sorted(counted, reverse=True) and len(set(counted)) > 2, counted
    assert any("moves to workstation berth-12" in t for t in holder.texts("message"))
    order = [b["step"] for b in holder.shown if b["type"] == "progress" and b["state"] == "undoing"]
    assert order.index("vm") < order.index("volume") < order.index("lock")

    # The take-over time is ten minutes: it starts because the lower lock went.
    taker.until("console", 90)
    taker.guest_says(b"berth guest up")
    assert any("berth-7 is closing your VM" in t for t in taker.texts("progress")), taker.texts("progress")
    assert berth12.locks() == ["lock.2"]
    assert_written(berth12, holder.said)
    power_off(taker)
    assert berth12.last_used()[0] == 2
    berth12.assert_clean(client="m-0012")
    assert berth7.processes() == [] and not list(berth7.state.glob("*"))


def test_a_guest_that_ignores_its_button_is_switched_off_in_time(desks):
    berth7, berth12 = desks
    holder = writer(berth7, b"i")
    taker = claim(berth12)
    assert holder_closes(holder) == 0
    told = holder.texts("status")
    assert any("closed to move to workstation berth-12" in t for t in told)
    assert "Your virtual machine did not shut down in time and is switched off." in told
    assert not any("BERTH-K33" in t for t in holder.texts("message")), "all that it had written was saved"
    taker.until("console", 90)
    taker.guest_says(b"berth guest up")
    assert_written(berth12, holder.said)
    power_off(taker)
    berth12.assert_clean(client="m-0012")


def pids_of(world):
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(world.run).encode() in path.read_bytes() and b"nsenter" not in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            pass
    return found


def test_a_dead_holder_is_taken_over_after_the_wait_and_writes_nothing_when_it_wakes(desks):
    berth7, berth12 = desks
    berth7.times = "500,4000,9000,1000"
    berth12.times = "500,4000,9000,1000"
    holder = writer(berth7, b"m")
    asleep = pids_of(berth7)
    assert len(asleep) >= 3, "session, volume engine, QEMU"
    for pid in asleep:
        os.kill(pid, signal.SIGSTOP)
    try:
        taker = claim(berth12)
        taker.until("console", 120)
        taker.guest_says(b"berth guest up")
        waited = taker.texts("progress")
        assert any("does not answer; taken over in" in t for t in waited), waited
        assert not any("is closing" in t for t in waited)
        assert berth12.locks() == ["lock.2"]
        before = (berth7.user / "work/software.raw").read_bytes()
    finally:
        for pid in (*asleep, holder.process.pid):  # nsenter goes to sleep with its child
            os.kill(pid, signal.SIGCONT)
    assert holder_closes(holder) == 1
    assert any("taken your virtual machine over" in t for t in holder.texts("status"))
    assert any("BERTH-K05" in t for t in holder.texts("message"))
    assert (berth7.user / "work/software.raw").read_bytes() == before
    taker.guest_says(b"echo", nudge=b"e")
    power_off(taker)
    assert "m-0012" in berth12.last_used()[1]
    berth12.assert_clean(client="m-0012")


def test_berthctl_shows_the_move_from_the_lock_files(desks):
    berth7, berth12 = desks
    holder = writer(berth7, b"i")
    ports = berth7.server.ports
    for source in (["--server", f"127.0.0.1:{berth7.export}", "--nfs-port", str(ports["nfs_port"]), "--mount-port", str(ports["mount_port"])],
                   ["--directory", str(berth7.export)]):
        rows = running(berth7, *source)
        assert [(r["user"], r["vm"], r["host"], r["client"], r["state"]) for r in rows] == [("ann", "work", "berth-7", "m-0007", "running")]
        assert rows[0]["since"].startswith(time.strftime("%Y-", time.gmtime()))
    taker = claim(berth12)
    while "is closing your VM" not in taker.until("progress", 60)["text"]:
        pass
    rows = running(berth7, "--directory", str(berth7.export))
    assert [(r["host"], r["state"]) for r in rows] == [("berth-7", "closing"), ("berth-12", "waiting")]
    holder.send(type="vm", action="force-off")
    assert holder_closes(holder) == 0
    taker.until("console", 90)
    taker.guest_says(b"berth guest up")
    power_off(taker)
    assert running(berth7, "--directory", str(berth7.export)) == []


def running(world, *options):
    return json.loads(subprocess.run([world.build / "bin/berthctl", "vm", "list", "--running", "--json", *options], check=True, text=True,
                                     stdout=subprocess.PIPE, timeout=60).stdout)
