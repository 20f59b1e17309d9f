# SPDX-License-Identifier: GPL-3.0-or-later
"""A terminal: what a person in front of it would see, and what they type."""
import copy
import re
import threading
import time

import pyte

from patience import Deadline


class ScreenTimeout(AssertionError):
    pass


class Screen:
    """80x24, at the end of a line that has a socket's recv(), sendall() and close(). A thread of its own reads it; every other method may
    be called from the test's thread."""

    def __init__(self, line, log, columns=80, lines=24):
        self._line = line
        self._log = open(log, "ab", buffering=0)
        self._changed = threading.Condition()
        self._terminal = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._terminal)
        self._raw = bytearray()
        self._times = []  # (monotonic time, length of _raw after the arrival)
        self._closed = False
        self._thread = threading.Thread(target=self._read, name="screen", daemon=True)
        self._thread.start()

    def _read(self):
        while True:
            try:
                data = self._line.recv(65536)
            except OSError:
                data = b""
            with self._changed:
                if not data:
                    self._closed = True
                    self._changed.notify_all()
                    return
                self._raw += data
                self._times.append((time.monotonic(), len(self._raw)))
                self._log.write(data)
                try:
                    self._stream.feed(data)
                except Exception as e:  # pyte trips over some rare sequences; the raw text still has them
                    self._log.write(f"\n[pyte: {e}]\n".encode())
                    self._stream = pyte.ByteStream(self._terminal)
                self._changed.notify_all()

    def text(self):
        with self._changed:
            return "\n".join(line.rstrip() for line in self._terminal.display).rstrip()

    def lines(self):
        return self.text().splitlines()

    def raw(self, since=0):
        """Every byte that came, also what has left the screen."""
        with self._changed:
            return bytes(self._raw[since:])

    def mark(self):
        """For raw(since) and wait_raw(since)."""
        with self._changed:
            return len(self._raw)

    def when(self, pattern):
        """Monotonic time at which the raw text first held `pattern` (bytes, a regular expression), or None."""
        with self._changed:
            m = re.search(pattern, self._raw)
            if not m:
                return None
            return next(t for t, length in self._times if length >= m.end())

    def _wait(self, look, what, timeout):
        end = Deadline(timeout)
        with self._changed:
            while True:
                found = look()
                if found:
                    return found
                left = end.left()
                if left <= 0 or self._closed:
                    why = "the line was closed" if self._closed else f"not within {end}"
                    shown = "\n".join("|" + line.rstrip() for line in self._terminal.display)
                    raise ScreenTimeout(f"{what}: {why}. The screen:\n{shown}\nThe last bytes: {bytes(self._raw[-300:])!r}")
                self._changed.wait(left)

    def wait_for(self, *patterns, timeout=120):
        """Waits until the screen shows one of `patterns` (regular expressions; line breaks count as white space); the match."""
        compiled = [re.compile(p) for p in patterns]

        def look():
            shown = "\n".join(line.rstrip() for line in self._terminal.display)
            for c in compiled:
                m = c.search(shown) or c.search(" ".join(shown.split()))
                if m:
                    return m
            return None
        return self._wait(look, f"waiting for {' or '.join(map(repr, patterns))}", timeout)

    def wait_gone(self, pattern, timeout=120):
        c = re.compile(pattern)
        self._wait(lambda: not c.search("\n".join(self._terminal.display)), f"waiting for {pattern!r} to go", timeout)

    def wait_raw(self, pattern, since=0, timeout=120):
        """Waits until what came after `since` matches `pattern` (a regular expression of bytes); the match."""
        c = re.compile(pattern)
        return self._wait(lambda: c.search(self._raw, since), f"waiting for {pattern!r}", timeout)

    def type(self, text, enter=False):
        self.send(text.encode() + (b"\r" if enter else b""))

    def send(self, data):
        """Keys as a person's fingers give them: the emulated line drops what comes faster than the machine takes it."""
        for i in range(0, len(data), 8):
            self._line.sendall(data[i:i + 8])
            time.sleep(0.01)

    def state(self):
        with self._changed:
            return copy.deepcopy(self._terminal)

    def restore(self, state):
        """The picture that belongs to a machine state just loaded."""
        with self._changed:
            self._terminal = copy.deepcopy(state)
            self._stream = pyte.ByteStream(self._terminal)

    @property
    def terminal(self):
        """pyte's terminal: modes, character sets, cursor. Look, with the machine quiet."""
        return self._terminal

    def close(self):
        self._line.close()
        self._thread.join(5)
        self._log.close()
