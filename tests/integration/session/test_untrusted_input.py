# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user (or whoever may write there) can leave in a VM's directory: through a real file server and the real
berth-session. Valid names just work; anything else is an error with its code, file, line and range, and leaves nothing behind."""
import itertools
import os
import pathlib
import random
import re
import shlex
import shutil
import sys
import tempfile
import threading
import time

import pytest

import sessionworld
from sessionworld import MACHINE, ROOT, UID, UUID
from test_session import power_off, start_guest

sys.path.append(str(ROOT / "tests/integration/greeter"))
import terminal  # noqa: E402

GOOD = MACHINE.format(uuid=UUID % 0x11)
DISK = '[[disk]]\nname = "{0}"\nrole = "data"\npath = "{0}.raw"\n'
CANARY_UUID = UUID % 0xcc
CANARY = MACHINE.format(uuid=CANARY_UUID)


def changed(old, new):
    assert old in GOOD
    return GOOD.replace(old, new).encode()


def links(**made):
    """Makes symbolic links in the VM's folder in the place of what is there: name with "_" for "." -> target."""
    def make(folder):
        for name, target in made.items():
            path = folder / name.replace("_", ".")
            path.unlink()
            path.symlink_to(target)
    return make


def other(name, make_it):
    def make(folder):
        (folder / name).unlink()
        make_it(folder / name)
    return make


# Name of the folder: what makes it hostile (the bytes of machine.toml, or a function of the folder); what the error text must match.
LINE = r"machine\.toml line {}: "
CASES = {
    "toml-missing": (links(machine_toml="nothing"), r"BERTH-M33: .*toml-missing/machine\.toml: BERTH-M09 .*NOENT"),
    "toml-empty": (b"", r"BERTH-C05: .*toml-empty/machine\.toml: schema is missing: must be 1"),
    "toml-10-mb-of-noise": (random.Random(1).randbytes(10 << 20), r"BERTH-M33: .*machine\.toml\": larger than 1048576 bytes"),
    "toml-noise": (random.Random(2).randbytes(1 << 20), r"BERTH-C01: .*" + LINE.format(r"\d+")),
    "toml-zeros": (bytes(1 << 20), r"BERTH-C01: .*" + LINE.format(1) + "a NUL byte: must be plain text in UTF-8"),
    "toml-nested-tables": (b"[a" + b".a" * 200_000 + b"]\n", r"BERTH-C01: .*" + LINE.format(1) + "nested too deeply: at most 16 levels"),
    "toml-nested-braces": (b"schema = 1\na = " + b"{a=" * 200_000, r"BERTH-C01: .*" + LINE.format(2) + "nested too deeply: at most 16 levels"),
    "toml-nested-arrays": (b"\na = " + b"[" * 200_000, r"BERTH-C01: .*" + LINE.format(2) + "nested too deeply: at most 16 levels"),
    "toml-200-000-tables": (b"[[a]]\n" * 170_000, r"BERTH-C0[25]: .*machine\.toml"),
    "toml-not-utf8": (changed("cpus = 1", "cpus = 1 # caf?").replace(b"?", b"\xe9"), r"BERTH-C01: .*" + LINE.format(3)),
    "toml-is-a-folder": (other("machine.toml", pathlib.Path.mkdir), r"BERTH-M33: .*machine\.toml\" is not a regular file"),
    "toml-is-a-pipe": (other("machine.toml", os.mkfifo), r"BERTH-M33: .*machine\.toml\" is not a regular file"),
    "toml-leads-out": (links(machine_toml="../.canary/machine.toml"), r"BERTH-M33: .*BERTH-C04 \"machine\.toml\": a symbolic link leads out of the virtual machine's directory"),
    "toml-leads-to-etc": (links(machine_toml="/etc/passwd"), r"BERTH-M33: .*BERTH-C04 .*its link to \"/etc/passwd\" does not lead into the shared tree"),
    "toml-loops": (links(machine_toml="machine.toml"), r"BERTH-M33: .*more than 16 symbolic links"),
    "key-unknown": (changed("cpus = 1", "cpu = 1"), r"BERTH-C02: .*" + LINE.format(3) + r'unknown key "cpu"; perhaps "cpus" is meant'),
    "key-of-escapes": (changed("cpus = 1", '"\\u001b]0;owned\\u0007\\u009b" = 1'), r"BERTH-C02: .*" + LINE.format(3) + r'unknown key "\\x1b\]0;owned\\x07\\xc2\\x9b"'),
    "key-twice": (changed("cpus = 1", "cpus = 1\ncpus = 2"), r"BERTH-C01: .*" + LINE.format(4)),
    "path-leads-up": (changed('"software.raw"', '"../.canary/software.raw"'), r'BERTH-C04: .*' + LINE.format(12) + r'path of disk 1: "\.\./\.canary/software\.raw": must stay inside'),
    "path-is-absolute": (changed('"software.raw"', '"/etc/shadow"'), r"BERTH-C04: .*" + LINE.format(12) + r'path of disk 1: "/etc/shadow": must be relative'),
    "path-of-256-bytes": (changed('"software.raw"', f'"{"x" * 256}"'), r"BERTH-C04: .*" + LINE.format(12) + ".*must be at most 255 bytes"),
    "path-of-controls": (changed('"software.raw"', '"a\\nb\\u001b[2J"'), r"BERTH-C04: .*" + LINE.format(12) + r'path of disk 1: "a\\x0ab\\x1b\[2J": must not hold control characters'),
    "path-is-the-lock": (changed('"software.raw"', '"lock.1"'), r"BERTH-C04: .*" + LINE.format(12) + ".*must not be one of Berth's own files"),
    "nvram-leads-up": (changed("cpus = 1", 'firmware = "uefi"\nnvram = "../x"'), r"BERTH-C04: .*" + LINE.format(4) + 'nvram: "../x": must stay inside'),
    "template-leads-up": (changed('size = "64 MiB"\nuuid = "9b0c1d52-8f2e-4c11-a4de-0c5e1ad1b7a3"', 'size = "64 MiB"\ncontent = "template"\ntemplate = "../.canary/software.raw"'),
                          r"BERTH-C04: .*" + LINE.format(19) + "template of disk 2: .*must stay inside"),
    "disk-leads-out": (links(software_raw="../.canary/software.raw"), r'BERTH-M32: .*disk "software": BERTH-C04 "software\.raw": a symbolic link leads out'),
    "disk-leads-out-and-in": (links(software_raw="../disk-leads-out-and-in/../../ann/.canary/software.raw"), r"BERTH-M32: .*a symbolic link leads out"),
    "disk-leads-to-etc": (links(software_raw="/etc/passwd"), r"BERTH-M32: .*does not lead into the shared tree"),
    "disk-leads-to-escapes": (links(software_raw="/\x1b]0;owned\x07\x9b" + "\udcff" * 900), r'BERTH-M32: .*its link to "/\\x1b\]0;owned\\x07\\xc2\\x9b\\xff'),
    "disk-leads-to-nothing": (links(software_raw="\x1b]0;owned\x07"), r'BERTH-M32: .*LOOKUP \\x1b\]0;owned\\x07: NFS3ERR_NOENT'),
    "disk-is-a-folder": (other("software.raw", pathlib.Path.mkdir), r'BERTH-M32: .*disk "software": software\.raw is not a file'),
    "disk-is-a-pipe": (other("software.raw", os.mkfifo), r'BERTH-M32: .*disk "software": software\.raw is not a file'),
    "disk-is-empty": (other("software.raw", pathlib.Path.touch), r'BERTH-M32: .*disk "software": software\.raw is empty'),
    "disk-name-with-space": (changed('name = "software"', 'name = "my disk"'), r"BERTH-C03: .*" + LINE.format(10) + r'name of disk 1 "my disk": must be 1 to 32 characters of a-z, 0-9'),
    "disk-name-dash-dash": (changed('name = "software"', 'name = "--exec=x"'), r"BERTH-C03: .*" + LINE.format(10) + "name of disk 1"),
    "disks-100": (GOOD.encode() + "".join(DISK.format(f"d{i}") for i in range(98)).encode(), r"BERTH-C03: .*machine\.toml line \d+: disk: 100 disks: must be 1 to 32"),
    "size-0": (changed('"64 MiB"\nuuid', '"0 MiB"\nuuid'), r"BERTH-C03: .*" + LINE.format(17) + 'size of disk 2 "0 MiB": must be a size .* from 64 MiB to 1 TiB'),
    "size-2-to-the-63": (changed('"64 MiB"\nuuid', '"9223372036854775808 KiB"\nuuid'), r"BERTH-C03: .*" + LINE.format(17) + "size of disk 2 .*from 64 MiB to 1 TiB"),
    "size-2-to-the-63-bare": (changed('"64 MiB"\nuuid', "9223372036854775808\nuuid"), r"BERTH-C01: .*" + LINE.format(17) + ".*9223372036854775808"),
    "memory-0": (changed('memory = "64 MiB"', 'memory = "0 MiB"'), r"BERTH-C03: .*" + LINE.format(4) + "memory .*from 16 MiB to 4 TiB"),
    "memory-2-to-the-63": (changed('memory = "64 MiB"', 'memory = "9223372036854775808 MiB"'), r"BERTH-C03: .*" + LINE.format(4) + "memory .*from 16 MiB to 4 TiB"),
    "memory-more-than-there-is": (changed('memory = "64 MiB"', 'memory = "4 TiB"'), r"BERTH-H04: "),
    "cpus-2-to-the-63": (changed("cpus = 1", "cpus = 9223372036854775807"), r"BERTH-C03: .*" + LINE.format(3) + "cpus 9223372036854775807: must be an integer, 1 to 128"),
    "caf\udce9": (GOOD.encode(), r'BERTH-M33: .*the name of its folder, "caf\\xe9", must be UTF-8 without control characters'),
    "\x1b]0;owned\x07\nname": (GOOD.encode(), r'BERTH-M33: .*the name of its folder, "\\x1b\]0;owned\\x07\\x0aname", must be UTF-8'),
    "\udc9b2J" + "\udcff" * 250: (GOOD.encode(), r'BERTH-M33: .*the name of its folder, "\\x9b2J\\xff'),
}


@pytest.fixture(scope="module")
def hostile(libvirt, build):
    """One user with all of them and a good one. All stands there before the first login: file servers remember what they listed."""
    world = sessionworld.SessionWorld(libvirt, build)
    shutil.rmtree(world.user / "work")
    lay_canary(world)
    for name, (what, _) in CASES.items():
        folder = world.add_vm(name, 0x11)
        if callable(what):
            what(folder)
        else:
            (folder / "machine.toml").write_bytes(what)
    world.add_vm("good", 0x22)
    yield world
    world.close()


def lay_canary(world):
    """A VM outside of every VM's directory: nothing of it may ever be used."""
    folder = world.user / ".canary"
    folder.mkdir()
    (folder / "machine.toml").write_text(CANARY)
    (folder / "software.raw").write_bytes(world.sector.replace(b"berth guest up", b"CANARY, canary").ljust(4 << 20, b"\0"))
    return folder


def choose(world, session, name):
    """A login as ann who takes the VM `name`."""
    names = sorted((n for n in os.listdir(world.user) if not n.startswith(".")), key=os.fsencode)
    return world.log_in(session, choices=[names.index(name)] if len(names) > 1 else [])


def assert_nothing_left(world, vm):
    assert [n for n in world.names(vm) if n.startswith(("lock.", "last-used."))] == []
    for folder in (world.state, world.swap, world.run):
        assert not folder.exists() or list(folder.rglob("*")) == []
    assert world.processes() == []
    assert world.libvirt.virsh("list", "--all", "--name").strip() == ""


def off(greeter):
    """Ends the guest at once; this is not about how guests end."""
    greeter.send(type="vm", action="force-off")
    assert greeter.end(60) == 0


@pytest.mark.parametrize("name", CASES, ids=lambda n: re.sub(r"[^a-z0-9-]", "_", n)[:32])
def test_a_hostile_vm_is_explained_and_leaves_nothing(hostile, name):
    session = f"h{list(CASES).index(name)}"
    before = hostile.names(name) if (hostile.user / name).is_dir() else None
    greeter = choose(hostile, session, name)
    assert greeter.end(60) == 1
    errors = [b["text"] for b in greeter.shown if b["type"] == "message" and b["style"] == "error"]
    assert len(errors) == 1, greeter.shown
    assert re.search(CASES[name][1], errors[0]), errors[0]
    assert len(errors[0]) < 800, "its code must stay on the screen"
    assert not re.search("[\x00-\x1f\x7f-\x9f]", errors[0]), errors[0]
    assert CANARY_UUID not in errors[0] + greeter.log_text()
    assert "console" not in [b["type"] for b in greeter.shown]
    if "BERTH-H04" not in errors[0]:
        assert hostile.names(name) == before
        assert_nothing_left(hostile, name)
    else:
        hostile.assert_clean(vm=name)
    again = choose(hostile, session + "g", "good")
    again.until("console", 90)
    off(again)
    hostile.assert_clean(vm="good")


def test_a_user_whose_only_vm_has_no_configuration_is_told(world):
    (world.user / "work/machine.toml").unlink()
    greeter = world.log_in()
    assert greeter.end() == 1
    assert any(t.startswith("BERTH-M31:") and str(world.user) in t for t in greeter.texts("message")), greeter.shown
    assert_nothing_left(world, "work")


def test_a_corrected_vm_starts_at_the_next_login(make_world):
    world = make_world("--attr-seconds", "0")
    path = world.user / "work/machine.toml"
    good = path.read_text()
    path.write_text(good.replace("cpus = 1", "cpus = 0"))
    greeter = world.log_in("s1")
    assert greeter.end() == 1
    assert any("BERTH-C03" in t and "work/machine.toml line 3: cpus 0: must be an integer, 1 to 128" in t for t in greeter.texts("message"))
    assert_nothing_left(world, "work")
    path.write_text(good)
    power_off(start_guest(world, "s2"))
    world.assert_clean()


LEGAL = {"two words": "my disk.raw", "Größe 日本語 \U0001f6a2": "Größe 日本.raw", "-rf": "-rf", "--help": "--exec=x", "x" * 255: "y" * 255,
         "$(reboot)`id`;&|*?": "$(reboot)`id`;&|*?", "a'b\"c\\d%s{}": "a'b%s{}", "é" * 127: "é" * 127}


def test_names_with_anything_valid_in_them_work(world):
    shutil.rmtree(world.user / "work")
    for number, (name, disk) in enumerate(LEGAL.items()):
        folder = world.add_vm(name, number)
        (folder / "software.raw").rename(folder / disk)
        (folder / "machine.toml").write_text((folder / "machine.toml").read_text().replace('"software.raw"', f"'{disk}'" if "'" not in disk else f'"{disk}"'))
    for number, name in enumerate(LEGAL):
        greeter = choose(world, f"n{number}", name)
        assert greeter.until("console", 90)["vm"] == name
        greeter.guest_says(b"berth guest up")
        assert world.locks(name) == ["lock.1"]
        off(greeter)
        world.assert_clean(vm=name)


def test_more_vms_than_a_screen_takes_are_listed_in_part(world):
    for number in range(299):
        folder = world.user / f"{number:03d}{'é' * 126}"
        folder.mkdir()
        (folder / "machine.toml").write_text(MACHINE.format(uuid=UUID % 1))
        os.chown(folder, UID, UID)
    greeter = world.log_in(choices=[255])
    assert greeter.end() == 1  # it has no disk
    assert any("You have 300 virtual machines: the first 256 of them are listed." in t for t in greeter.texts("message"))
    assert len([b for b in greeter.shown if b["type"] == "choice"][0]["options"]) == 256
    assert any(t.startswith("BERTH-M32") for t in greeter.texts("message")), greeter.texts("message")


class Swapping:
    """Another thread that puts `a`, then `b`, in the place of `path`, and again, as fast as Ganesha can bear. Each is a function that makes a name;
    what stands there at the beginning is as `b` makes it (rename(2) of a file onto itself does nothing)."""

    def __init__(self, path, a, b):
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(path, itertools.cycle((a, b))))
        self.times = 0
        self._thread.start()

    def _run(self, path, makers):
        new = path.parent / ".new"
        while not self._stop.is_set():
            next(makers)(new)
            os.rename(new, path)
            self.times += 1
            time.sleep(0.003)  # Ganesha answers no LOOKUP of a name that changes below it again and again; 6 needs longer than 4 did

    def stop(self):
        self._stop.set()
        self._thread.join()


def outcomes(world, name, wanted):
    """Logs in until every outcome of `wanted` ("started" or a code) came, at least 4 and at most 40 times; what came."""
    seen = set()
    for number in range(40):
        greeter = choose(world, f"{name}{number}", name)
        if greeter.until(("console", "end"), 90)["type"] == "console":
            greeter.guest_says(b"berth guest up")  # and not the canary's words
            assert CANARY_UUID not in world.libvirt.virsh("list", "--uuid")
            off(greeter)
            seen.add("started")
        else:
            greeter.process.wait(20)
            errors = [b["text"] for b in greeter.shown if b["type"] == "message" and b["style"] == "error"]
            assert errors and CANARY_UUID not in "".join(errors), greeter.shown
            assert all(re.match(r"BERTH-[CMV]\d\d", e) for e in errors), errors
            seen.add("refused")
        # Where Ganesha did not answer the undo either, the session's own sweeper has it.
        terminal.wait_until(lambda: f"nothing left; {world.names(name)}", lambda: not world.locks(name) and not any(
            list(folder.glob("*")) for folder in (world.state, world.swap, world.run)), 120)
        greeter.close()
        if number >= 3 and seen >= wanted:
            return seen
    return seen


@pytest.mark.parametrize("what", ["software.raw", "machine.toml"])
def test_a_file_swapped_for_a_link_out_while_sessions_read_it_is_never_followed(make_world, what):
    world = make_world("--attr-seconds", "0")
    canary = lay_canary(world)
    untouched = {p.name: p.read_bytes() for p in canary.iterdir()}
    inside = world.user / "work" / f"real-{what}"
    os.rename(world.user / "work" / what, inside)

    def link_in(new):
        os.link(inside, new)

    def link_out(new):
        os.symlink(f"../.canary/{what}", new)

    link_in(world.user / "work" / what)
    swapping = Swapping(world.user / "work" / what, link_out, link_in)
    try:
        assert outcomes(world, "work", {"started", "refused"}) == {"started", "refused"}, "the race was never lost and won"
    finally:
        swapping.stop()
    assert swapping.times > 100
    assert {p.name: p.read_bytes() for p in canary.iterdir()} == untouched
    assert world.libvirt.virsh("list", "--all", "--name").strip() == "" and world.processes() == []


class RealSession(terminal.Console):
    """The real greeter and screen program on a pty, and behind them the real session of a world."""

    def __init__(self, build, folder, world):
        self._world = world
        super().__init__(pathlib.Path(build), folder)

    def _write(self, name, text):
        if name != "session":
            return super()._write(name, text)
        lines = ["#!/bin/bash", "set -euo pipefail"]
        lines += [f"export {key}={shlex.quote(value)}" for key, value in self._world.environment().items()]
        lines += ["exec " + shlex.join(map(str, self._world.command())) + ' "$@"']
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o755)


def test_the_real_greeter_shows_each_error_and_goes_on(hostile, build):
    with tempfile.TemporaryDirectory(prefix="berth-greeter-") as folder:
        console = RealSession(build, pathlib.Path(folder), hostile)
        try:
            greeter = console.process.pid
            names = sorted((n for n in os.listdir(hostile.user) if not n.startswith(".")), key=os.fsencode)
            mark = console.mark()
            for name, code in [("toml-10-mb-of-noise", "M33"), ("key-of-escapes", "C02"), ("disk-leads-to-escapes", "M32"), ("size-0", "C03"),
                               ("\x1b]0;owned\x07\nname", "M33")]:
                console.wait("User name:")
                console.type("ann\r")
                console.wait("Password:")
                console.type("geheim\r")
                console.wait("Which virtual machine")
                console.type("\x1b[B" * names.index(name) + "\r")
                console.wait(f"BERTH-{code}", 60)
                console.wait("User name:", 60)
                assert console.text().splitlines()[0].startswith(" berth-12"), console.text()
            console.wait(r"must\s+be UTF-8")
            for escape in (b"\x1b]0;owned", b"\x9b2J", b"\xc2\x9b"):
                assert escape not in console.raw(mark)
            assert console.process.poll() is None and console.process.pid == greeter
            assert console.processes() == ["berth-greeter-ui"]
        finally:
            console.close()
    assert_nothing_left(hostile, "size-0")
