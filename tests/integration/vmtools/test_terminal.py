# SPDX-License-Identifier: GPL-3.0-or-later
"""Users choose the names of folders and files; what berthctl prints of them reaches an administrator's terminal."""
import json
import os
import pty
import subprocess

import pytest

from printed import HOSTILE, steers
from toolworld import LOCK, UIDS

NAMES = [n for n in HOSTILE if b"/" not in n] + [b"a\nroot"]


@pytest.fixture(scope="module")
def hostile(build, tmp_path_factory):
    """Users' folders, VMs, files, links and lock records with such names. Every user name is a folder of the file server too."""
    from toolworld import Berthctl, write_users
    folder = tmp_path_factory.mktemp("hostile")
    users = folder / "users"
    (users / "ann").mkdir(parents=True)
    for name in NAMES:
        os.makedirs(os.path.join(os.fsencode(users), name, b"vm"))
        vm = os.path.join(os.fsencode(users / "ann"), name)
        os.makedirs(vm)
        with open(os.path.join(vm, b"machine.toml"), "wb") as f:
            f.write(b'schema = 1\nname = "' + name + b'"\n')
        with open(os.path.join(vm, name), "wb"):
            pass
        os.symlink(b"/" + name, os.path.join(vm, b"link"))
        with open(os.path.join(vm, b"lock.1"), "w") as f:
            f.write(json.dumps({**LOCK, "host": name.decode(errors="replace"), "since": "2026\u009b31m"}) + "\n")
    for path, folders, files in os.walk(os.fsencode(users / "ann")):
        for entry in [b".", *folders, *files]:
            os.lchown(os.path.join(path, entry), UIDS["ann"], UIDS["ann"])
    return Berthctl(build, write_users(folder), "--directory", users)


def printed(ctl, *arguments):
    """Standard output and error together, as the terminal gets them."""
    done = subprocess.run(ctl.command(*arguments[:1]) + [os.fsencode(a) for a in arguments[1:]], env=ctl.environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    return done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [("list",), ("list", "ann"), ("list", "--running")], ids=" ".join)
def test_lists_of_hostile_names_steer_no_terminal(hostile, arguments):
    out, err = printed(hostile, *arguments)
    assert out.count(b"\n") > len(NAMES)
    assert steers(out) == [] and steers(err) == []
    assert b"\nroot" not in out + err, "a name made a line of its own"
    out, err = printed(hostile, *arguments, "--json")
    assert json.loads(out) and steers(out) == [] and steers(err) == []


@pytest.mark.parametrize("command", ["show", "check", "remove"])
def test_a_vm_with_a_hostile_name_and_hostile_files_steers_no_terminal(hostile, command):
    for name in NAMES:
        for more in ((), ("--json",), ("--yes",) if command == "remove" else ()):
            out, err = printed(hostile, command, b"ann/" + name, *more)
            assert steers(out) == [] and steers(err) == [], name
            assert b"\nroot" not in out + err, name
            if more == ("--json",) and out:
                json.loads(out)


def test_what_was_typed_is_not_printed_raw_either(hostile):
    """A shell's * puts users' names on the command line."""
    for name in NAMES:
        for arguments in (("list", name, name), ("show", name), ("import", b"ann/new", name), ("clone", b"ann/" + name, b"ann/b", "--users", name),
                          ("create", b"ann/x", "--cpus", name), ("check", name + b"/vm")):
            out, err = printed(hostile, *arguments)
            assert steers(out) == [] and steers(err) == [], (arguments, out, err)


def test_a_terminal_gets_the_progress_line_without_anything_else(hostile, tmp_path):
    image = tmp_path / "\u202eimage"
    image.write_bytes(b"x" * (1 << 20))
    ours, theirs = pty.openpty()
    done = subprocess.Popen(hostile.command("import", "--format", "raw", "ann/plain", image), env=hostile.environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    text = b""
    try:
        while part := os.read(ours, 4096):
            text += part
    except OSError:
        pass
    os.close(ours)
    assert done.wait(60) == 0
    assert b"\r" in text and steers(text.replace(b"\r", b"")) == []
