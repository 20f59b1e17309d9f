# SPDX-License-Identifier: GPL-3.0-or-later
"""A look inside the workstation: commands for the agent of the test site archive (tests/vm/site), over a virtio-serial port.
The signed image has no shell to reach; the agent exists only in machines that were given that archive."""
import base64
import itertools
import socket
import time

from patience import Deadline
from processes import LabError, connect_unix


class Agent:
    def __init__(self, path):
        self._socket = connect_unix(path, 60, f"agent's port {path}")
        self._buffer = b""
        self._numbers = itertools.count(int(time.time()))
        self._there = False

    def ask(self, command, timeout=120):
        """Exit code and output (both streams) of a shell command run as root."""
        end = Deadline(timeout)
        if not self._there:
            # OVMF has a driver for the port, too, and takes what comes before the agent is there: ask until somebody answers.
            while self._answer(self._send("true"), min(5, end.left())) is None:
                if end.left() <= 0:
                    raise LabError(f"the agent did not come within {end}: {command}")
            self._there = True
        answer = self._answer(self._send(command), end.left())
        if answer is None:
            raise LabError(f"the agent did not answer within {end}: {command}")
        return answer

    def _send(self, command):
        number = str(next(self._numbers)).encode()
        self._socket.sendall(number + b" " + base64.b64encode(command.encode()) + b"\n")
        return number

    def _answer(self, number, seconds):
        """What answers that request, or None."""
        end = time.monotonic() + seconds
        while True:
            while b"\n" in self._buffer:
                line, self._buffer = self._buffer.split(b"\n", 1)
                parts = line.split()
                if parts and parts[0] == number:
                    return int(parts[1]), base64.b64decode(parts[2] if len(parts) > 2 else b"").decode(errors="replace")
            left = end - time.monotonic()
            if left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65536)
            except socket.timeout:
                continue
            if not data:
                raise LabError("the agent's port was closed")
            self._buffer += data

    def __call__(self, command, timeout=120):
        """Output of a shell command that must succeed."""
        code, text = self.ask(command, timeout)
        if code != 0:
            raise LabError(f"inside the workstation: {command}: exit code {code}\n{text}")
        return text

    def close(self):
        self._socket.close()
