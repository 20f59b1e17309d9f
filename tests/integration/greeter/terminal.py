# SPDX-License-Identifier: GPL-3.0-or-later
"""The real berth-greeter on a pty, a person in front of it, and the far end of its session in the test's hands."""
import array
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

import pyte

# Stands in for berth-session: gives its end of the greeter's socket to the test and lives until told to exit.
FAKE_SESSION = """#!/usr/bin/python3
import array, os, socket, sys
if sys.argv[1:] == ["--sweep"]:
    open({folder!r} + "/swept", "a").write("swept\\n")
    while os.path.exists({folder!r} + "/hold-sweep"):
        __import__("time").sleep(0.05)
    sys.exit(0)
if sys.argv[1:] == ["--settle"]:
    while os.path.exists({folder!r} + "/hold-settle"):
        __import__("time").sleep(0.05)
    sys.exit(0)
control = socket.socket(socket.AF_UNIX)
control.connect({folder!r} + "/control.sock")
control.sendmsg([str(os.getpid()).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [3]))])
os.close(3)
code = control.recv(1)
sys.exit(code[0] if code else 1)
"""
FAKE_POWER = """#!/usr/bin/python3
import sys
open({folder!r} + "/power", "a").write(sys.argv[1] + "\\n")
sys.exit(3)
"""
TIMEOUT = 20


def wait_until(what, condition, timeout=TIMEOUT):
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"never came: {what() if callable(what) else what}"
        time.sleep(0.02)


def children(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        found += [int(p) for p in (task / "children").read_text().split()]
    return found


def program(pid):
    try:
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return os.path.basename(words[1] if words[0].endswith(b"python3") else words[0]).decode()
    except (OSError, IndexError):
        return ""


class Session:
    """The session's end, as the session would hold it."""

    def __init__(self, control):
        self._control = control
        pid, ancillary, _, _ = control.recvmsg(32, socket.CMSG_LEN(4))
        self.pid = int(pid)
        self.socket = socket.socket(fileno=array.array("i", ancillary[0][2][:4])[0])
        self.socket.settimeout(TIMEOUT)
        self.start = self.receive("start")

    def send(self, type_, **fields):
        self.send_raw(json.dumps({"type": type_, **fields}).encode())

    def send_raw(self, body, fd=None):
        frame = struct.pack(">I", len(body)) + body
        if fd is None:
            self.socket.sendall(frame)
        else:
            self.socket.sendmsg([frame], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])

    def receive(self, type_):
        def exactly(n):
            data = b""
            while len(data) < n:
                part = self.socket.recv(n - len(data))
                assert part, "the greeter closed the session's socket"
                data += part
            return data
        message = json.loads(exactly(struct.unpack(">I", exactly(4))[0]))
        assert message["type"] == type_, message
        return message

    def quiet(self, seconds=0.3):
        """True if nothing comes."""
        return not select.select([self.socket], [], [], seconds)[0]

    def console(self, vm="work"):
        """Hands the terminal over; the guest's end of its console."""
        ours, theirs = socket.socketpair()
        self.send_raw(json.dumps({"type": "console", "fd": True, "vm": vm}).encode(), theirs.fileno())
        theirs.close()
        ours.settimeout(TIMEOUT)
        return ours

    def exit(self, code=0):
        self.socket.close()
        self._control.sendall(bytes([code]))

    def end(self, result="done", power=""):
        self.send("end", result=result, power=power)
        self.exit(0)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)


class Console:
    def __init__(self, build, folder, rows=24, columns=80, ui=None, session=FAKE_SESSION):
        self.folder = folder
        folder.chmod(0o755)
        self._write("session", session)
        self._write("power-program", FAKE_POWER)
        self.facts(host="berth-12")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "control.sock"))
        self._listener.listen()
        self._listener.settimeout(TIMEOUT)
        self._master, self.slave = pty.openpty()
        self.resize(rows, columns, signal_it=False)
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._raw = bytearray()
        self._lock = threading.Lock()
        self.log = folder / "greeter.log"
        self._ui = str(ui or build / "bin/berth-greeter-ui")
        self._build = build
        self.process = None
        self.start()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self._build / "bin/berth-greeter", "--tty", os.ttyname(self.slave), "--ui", self._ui, "--ui-user", "nobody",
                 "--session", self.folder / "session", "--power", self.folder / "power-program", "--boot-facts",
                 self.folder / "boot.json", "--going-down", self.folder / "going-down"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/")

    def _write(self, name, text):
        path = self.folder / name
        path.write_text(text.format(folder=str(self.folder)))
        path.chmod(0o755)

    def facts(self, host="berth-12", data="persistent", clock="synchronised", kvm=True, network=True):
        new = self.folder / "boot.json.new"
        new.write_text(json.dumps({"data": data, "clock": clock, "kvm": {"usable": kvm, "why": "" if kvm else "switched off in firmware"},
                                   "network": network, "client": {"id": "m-1", "host": host}}))
        new.chmod(0o644)
        new.rename(self.folder / "boot.json")

    def resize(self, rows, columns, signal_it=True):
        if signal_it:
            with self._lock:
                self._screen.resize(rows, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self):
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            with self._lock:
                self._raw += data
                try:
                    self._stream.feed(data)
                except Exception:  # pyte trips over some rare sequences; the raw bytes still have them
                    self._stream = pyte.ByteStream(self._screen)

    def type(self, text):
        os.write(self._master, text.encode() if isinstance(text, str) else text)

    def text(self):
        with self._lock:
            return "\n".join(line.rstrip() for line in self._screen.display)

    def raw(self, since=0):
        with self._lock:
            return bytes(self._raw[since:])

    def mark(self):
        with self._lock:
            return len(self._raw)

    def wait(self, pattern, timeout=TIMEOUT):
        """Until the screen shows the regular expression."""
        return wait_until(lambda: f"{pattern!r} on\n{self.text()}", lambda: re.search(pattern, self.text(), re.M), timeout)

    def wait_gone(self, pattern):
        wait_until(lambda: f"absence of {pattern!r} on\n{self.text()}", lambda: not re.search(pattern, self.text(), re.M))

    def wait_raw(self, pattern, since):
        return wait_until(lambda: f"{pattern!r} in {self.raw(since)!r}", lambda: re.search(pattern, self.raw(since), re.S))

    def login(self, user="ann"):
        self.wait("User name:")
        self.type(user + "\r")
        return self.session()

    def session(self):
        control, _ = self._listener.accept()
        return Session(control)

    def ui(self):
        """The screen program's process id; None while there is none."""
        found = [c for c in children(self.process.pid) if program(c) == "berth-greeter-ui"]
        assert len(found) <= 1
        return found[0] if found else None

    def _below(self):
        """What runs below the greeter: process ids and names."""
        found, todo = {}, [self.process.pid]
        while todo:
            for child in children(todo.pop()):
                name = program(child)
                if name:
                    found[child] = name
                    todo.append(child)
        return found

    def processes(self):
        """What runs below the greeter, by name, sorted."""
        return sorted(self._below().values())

    def settings(self):
        return termios.tcgetattr(self.slave)

    def powered(self):
        path = self.folder / "power"
        return path.read_text().split() if path.exists() else []

    def close(self):
        if self.process.poll() is None:
            # A session or sweeper goes on without its greeter, and writes into the folder that goes next.
            below = self._below()
            self.process.terminate()
            self.process.wait(TIMEOUT)
            wait_until(lambda: f"the end of {below}", lambda: not any(program(pid) for pid in below))
        os.close(self.slave)
        self._listener.close()
        self._reader.join(TIMEOUT)
        os.close(self._master)
