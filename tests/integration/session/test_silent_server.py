# SPDX-License-Identifier: GPL-3.0-or-later
"""A silent or restarted file server under a guest that writes and verifies on a virtio, an AHCI and a SCSI disk at once and on its local swap
(docs/rules.md "The volume engine", point 3): a Linux guest in a domain of libvirt, the real session, the real greeter's screen."""
import contextlib
import fcntl
import os
import pathlib
import re
import struct
import subprocess
import tempfile
import time

import pytest

import sessionworld
from person import AtScreen

BUSES = ("virtio", "sata", "scsi")
SLOTS, RECORD, BEGIN = 32, 64 << 10, 1 << 20
LIMIT = 240
SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN, ext4(5)'s way of a power cut
NO_LOG_FLUSH = 2


class PowerCutServer(sessionworld.Ganesha):
    """Ganesha on an ext4 of its own that forgets, at a cut, what was not made durable. Mounted in a namespace of its own: in any other a copy of the
    mount might live on, and the file system with it. The server's own copy ends with it. `root` is how this process sees it."""

    def __init__(self, world, image):
        self.holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo ready; exec cat"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n"
        self.prefix = ("nsenter", "-t", str(self.holder.pid), "-m", "--")
        self.root = pathlib.Path(f"/proc/{self.holder.pid}/root{world.export}")
        self.export = world.export
        subprocess.run(["truncate", "-s", "192M", image], check=True)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-m", "0", image], check=True)
        # One device for all its life: file handles hold its number.
        self.device = subprocess.run(["losetup", "--find", "--show", image], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        self.mount()
        super().__init__(world.folder / "nfs", world.export, enter=lambda *command: [*self.prefix, *command])

    def mount(self):
        subprocess.run([*self.prefix, "mount", self.device, self.export], check=True)

    def unmount(self):
        subprocess.run([*self.prefix, "umount", self.export], check=True)

    def cut(self):
        """The server ends, and with it what only its memory held."""
        self.do("stop")
        fd = os.open(self.root, os.O_RDONLY)
        fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(fd)
        self.unmount()

    def close(self):
        super().close()
        with contextlib.suppress(subprocess.CalledProcessError):
            self.unmount()
        subprocess.run(["losetup", "--detach", self.device], check=True)
        self.holder.stdin.close()
        self.holder.wait(20)


def machine(buses):
    disks = "".join(f'\n[[disk]]\nname = "{bus}"\nrole = "files"\nbus = "{bus}"\npath = "{bus}.raw"\n' for bus in buses)
    first = sessionworld.MACHINE.format(uuid=sessionworld.UUID % 1).replace('memory = "64 MiB"', 'memory = "128 MiB"')
    return first + disks


@pytest.fixture(scope="module")
def writer_guest(build):
    with tempfile.TemporaryDirectory(prefix="berth-wg-") as name:
        here = pathlib.Path(__file__).parent
        subprocess.run([here / "make_writer_guest", pathlib.Path(build) / "bin/session_writer", name], check=True)
        yield pathlib.Path(name)


class Desk:
    """A user at the real greeter whose guest writes."""

    def __init__(self, world, folder):
        self.world, self.folder, self.person = world, folder, None

    def make_machine(self, guest, buses):
        vm = self.world.user / "work"
        subprocess.run(["rm", "-rf", vm], check=True)
        subprocess.run([sessionworld.ROOT / "image/guest/make-vm", self.world.user, "--name", "work", "--files", "8", "--guest", guest], check=True)
        (vm / "files.raw").unlink()
        (vm / "machine.toml").write_text(machine(buses))
        for bus in buses:
            with open(vm / f"{bus}.raw", "wb") as disk:
                disk.truncate(8 << 20)
        for path in (vm, *vm.iterdir()):
            os.chown(path, sessionworld.UID, sessionworld.UID)
        self.vm, self.buses = vm, buses

    def log_in(self):
        self.person = AtScreen(self.world, self.folder)
        self.wait(r"writing\r\n", "the writing guest")

    def text(self, since=0):
        return self.person.console.raw(since).decode(errors="replace")

    def wait(self, pattern, what, since=0, limit=LIMIT):
        self.until(lambda: re.search(pattern, self.text(since)), what, limit)

    def until(self, condition, what, limit=LIMIT):
        end = time.monotonic() + limit
        while not condition():
            self.person.advance()
            assert time.monotonic() < end, f"{what} never came; the terminal's last: {self.text()[-2000:]!r}; {self.person.log()[-3000:]}"

    def newest(self, kind, disk, since=0):
        return max((int(n) for n in re.findall(rf"{kind} {disk} (\d+)\r", self.text(since))), default=0)

    def all_flush_on(self):
        """Every disk flushes something new."""
        before = {d: self.newest("F", d) for d in (*self.buses, "swap")}
        self.until(lambda: all(self.newest("F", d) > n for d, n in before.items()), "new flushes on every disk")

    def domain(self):
        return self.world.libvirt.virsh("list", "--name").split()[0]

    def paused_by_io(self):
        return "I/O error" in self.world.libvirt.virsh("domstate", "--reason", self.domain())

    def silence(self, begin, end, more_seconds=0):
        """One outage: told, held, the guest paused; then over, told, and everything continues. Each disk is made to discard and to flush in it:
        each has something that only a COMMIT makes durable."""
        mark = self.pause_with_something_to_lose()
        begin()
        self.person.console.type("f")
        # The healthy disk works while the others' requests are held.
        swap = self.newest("F", "swap")
        self.wait(r"\[Berth: The file server \S+ is not answering\. Your virtual machine waits", "word of the silence", mark)
        assert self.newest("F", "swap") > swap
        self.until(self.paused_by_io, "the pause")
        since = time.monotonic()
        self.until(lambda: time.monotonic() - since >= more_seconds, "the rest of the silence", more_seconds + LIMIT)
        assert self.paused_by_io()
        assert "answers again" not in self.text(mark)
        assert not any(self.newest("S", bus, mark) for bus in self.buses), "a flush went through without the server"
        end()
        self.wait(r"\[Berth: The file server \S+ answers again\.\]", "word of its end", mark)
        self.until(lambda: all(self.newest(kind, d, mark) for kind in "DS" for d in (*self.buses, "swap")), "the flushes that were held")
        self.all_flush_on()

    def unflushed(self):
        """(disk, number) of the records that the guest was told are written and not that they are flushed."""
        return [(b, n) for b in self.buses for n in range(self.newest("F", b) + 1, self.newest("W", b) + 1)]

    def pause_with_something_to_lose(self):
        """The server is stopped at a moment when every disk has such records; the terminal's place before."""
        def all_have():
            return {b for b, _ in self.unflushed()} == set(self.buses)
        while True:
            mark = self.person.console.mark()
            self.world.server.do("pause")
            end = time.monotonic() + 1  # what was answered before arrives
            while time.monotonic() < end:
                self.person.advance()
            if all_have():
                return mark
            self.world.server.do("resume")
            self.until(all_have, "records that are not flushed")

    def cut(self):
        self.at_stake = self.unflushed()
        self.world.server.cut()

    def start_after_cut(self):
        """The server's disk really has forgotten: F2 is nothing without that."""
        self.world.server.mount()
        assert any(self.stored(bus, n) != self.record(n) for bus, n in self.at_stake), "the cut cost nothing"
        self.world.server.start()

    @staticmethod
    def record(n):
        return struct.pack("<8192Q", *range(n * 1_000_003, n * 1_000_003 + 8192))

    def stored(self, bus, n):
        with open(self.vm / f"{bus}.raw", "rb") as disk:
            disk.seek(BEGIN + n % SLOTS * RECORD)
            return disk.read(RECORD)

    def finish(self):
        """Switches the guest off and compares what it wrote with what the server holds."""
        end = time.monotonic() + LIMIT
        while not self.person.ended():
            self.person.console.type("q")
            for _ in range(50):
                self.person.advance()
            assert time.monotonic() < end, self.text()[-2000:]
        text = self.text()
        assert "ERROR" not in text and not re.search("I/O error|timed out|timeout|blocked for more", text)
        for bus in self.buses:
            last = self.newest("E", bus)
            assert last >= self.newest("W", bus) > 8
            for n in range(max(1, last - SLOTS + 1), last + 1):
                assert self.stored(bus, n) == self.record(n), f"{bus}: record {n}"
        self.world.assert_clean()


@pytest.fixture
def desk(build, writer_guest):
    with tempfile.TemporaryDirectory(prefix="berth-slt-") as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        for part in ("world", "screen"):
            (folder / part).mkdir()
        libvirt = sessionworld.Libvirt()
        stack.callback(libvirt.close)
        world = sessionworld.SessionWorld(libvirt, build, folder=folder / "world")
        stack.callback(world.close)
        world.server.close()
        world.server = PowerCutServer(world, folder / "server.img")
        world.user = world.server.root / "ann"
        world.user.mkdir()
        os.chown(world.user, sessionworld.UID, sessionworld.UID)
        desk = Desk(world, folder / "screen")

        def start(*buses):
            desk.make_machine(writer_guest, buses)
            desk.log_in()
            desk.all_flush_on()
            return desk
        yield start
        if desk.person is not None:
            desk.person.close()


def test_a_silent_and_a_restarted_server_pause_the_guest_and_lose_nothing(desk, full):
    """All three buses and the healthy local disk in one guest; silent first, then cut off from its power between WRITE and COMMIT and started
    again. `full`: away for 120 s each time."""
    d = desk(*BUSES)
    d.silence(lambda: None, lambda: d.world.server.do("resume"), 100 if full else 0)
    d.silence(d.cut, d.start_after_cut, 100 if full else 0)
    d.finish()


@pytest.mark.full_only
def test_ten_power_cuts_of_the_server_between_write_and_commit_lose_nothing(desk):
    d = desk(*BUSES)
    for _ in range(10):
        d.pause_with_something_to_lose()
        d.cut()
        d.start_after_cut()
        d.all_flush_on()
    d.finish()


@pytest.mark.full_only
@pytest.mark.parametrize("bus", BUSES)
def test_each_bus_alone_is_held_and_paused(desk, bus):
    d = desk(bus)
    d.silence(lambda: None, lambda: d.world.server.do("resume"), 20)
    d.finish()
