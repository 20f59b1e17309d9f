# SPDX-License-Identifier: GPL-3.0-or-later
"""Who logs in, in the matrix of ways out: through the test's own end of descriptor 3, or in front of the real greeter on a pty."""
import contextlib
import re
import select
import shlex
import time

from faults import session_pid
from terminal import Console


class Guest:
    """The guest's user: has it write one record after another, then switches it off. `pace`: a letter is repeated after so long, because
    SeaBIOS reads the serial port too."""

    def __init__(self, send, pace=1):
        self._send, self._pace, self.text, self._sent = send, pace, b"", 0

    def feed(self, data):
        self.text += data
        self._sent = min(self._sent, time.monotonic() - self._pace + 0.02)

    @property
    def up(self):
        return b"berth guest up\r\n" in self.text

    def records(self):
        """The numbers whose writing the guest has acknowledged."""
        numbers, last = [], 0
        for letter in re.findall(rb"wrote ([@-_])\r\n", self.text):
            last += 1 + (letter[0] - 0x40 - last - 1) % 32
            numbers.append(last)
        return numbers

    def ask(self, letter):
        if self.up and time.monotonic() - self._sent >= self._pace:
            self._sent = time.monotonic()
            with contextlib.suppress(OSError):
                self._send(letter)


class Direct:
    """The test holds descriptor 3."""

    lost_guest = None

    def __init__(self, world, name):
        self.world, self.greeter, self.guest, self.over = world, world.log_in(name), None, False

    def advance(self):
        sockets = [s for s in (self.greeter.socket, self.greeter.console) if s is not None and s.fileno() >= 0]
        if self.over:
            time.sleep(0.02)
        ready = [] if self.over else select.select(sockets, [], [], 0.02)[0]
        if self.greeter.socket in ready or self.greeter.buffer:
            try:
                while (body := self.greeter.receive(0.001)) is not None:
                    self.greeter.take(body)
            except (EOFError, ConnectionResetError):
                self.over = True
        if self.greeter.console is not None and self.guest is None:
            self.guest = Guest(self.greeter.console.sendall)
        if self.greeter.console in ready:
            data = b""
            with contextlib.suppress(ConnectionResetError):
                data = self.greeter.console.recv(65536)
            if data:
                self.guest.feed(data)
            else:
                self.greeter.console.close()

    def ended(self):
        return self.greeter.process.poll() is not None

    def shown(self):
        """All that the user was told."""
        return [b for b in self.greeter.shown if b["type"] in ("message", "status", "end")]

    def done(self):
        return any(b["type"] == "end" and b["result"] == "done" for b in self.greeter.shown)

    def log(self):
        return self.greeter.log_text()

    def close(self):
        self.greeter.close()


class AtScreen:
    """In front of the real berth-greeter and its real screen program."""

    SESSION = "#!/bin/bash\nexec 2>>{folder}/session.log\nexec env {environment} {command} \"$@\"\n"

    def __init__(self, world, folder):
        environment = " ".join(shlex.quote(f"{k}={v}") for k, v in world.environment().items())
        script = self.SESSION.replace("{environment}", environment).replace("{command}", shlex.join(map(str, world.command())))
        self.world, self.folder, self.guest, self._typed = world, folder, None, set()
        self.console = Console(world.build, folder, session=script)
        self._mark, self._seen = 0, False
        self.lost_guest = None  # that was on the screen of a greeter that died

    def lose_greeter(self):
        """It dies, and systemd starts it again."""
        self.console.process.kill()
        self.console.process.wait()
        self.lost_guest, self.guest = self.guest, None
        self._mark = self.console.mark()
        self.console.start()

    def advance(self):
        time.sleep(0.02)
        text = self.console.text()
        if "user" not in self._typed and re.search("User name:", text):
            self.console.type("ann\r")
            self._typed.add("user")
        elif "password" not in self._typed and re.search("Password:", text):
            self.console.type("geheim\r")
            self._typed.add("password")
        raw = self.console.raw(self._mark)
        if self.guest is None and b"berth guest up" in raw:
            self.guest = Guest(self.console.type)
        if self.guest is not None and raw:
            self.guest.feed(raw)
            self._mark += len(raw)

    def ended(self):
        living = session_pid(self.world) is not None
        self._seen = self._seen or living
        return self._seen and not living

    def shown(self):
        return self.console.text()

    def done(self):
        return "BERTH-" not in self.console.text()

    def log(self):
        path = self.folder / "session.log"
        return (path.read_text() if path.exists() else "") + self.console.log.read_text()

    def close(self):
        self.console.close()
