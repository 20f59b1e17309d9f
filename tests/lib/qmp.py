# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU's machine protocol (QMP), synchronous, one command at a time."""
import json
import time

from processes import LabError, connect_unix, wait_until


class Qmp:
    def __init__(self, path, process, timeout=60):
        self._socket = connect_unix(path, timeout, f"QEMU's socket {path}", meanwhile=process.check)
        self._socket.settimeout(600)
        self._lines = self._socket.makefile("r")
        self.events = []
        json.loads(self._lines.readline())
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        message = {"execute": command}
        if arguments:
            message["arguments"] = arguments
        self._socket.sendall(json.dumps(message).encode() + b"\n")
        while True:
            line = self._lines.readline()
            if not line:
                raise LabError(f"QEMU closed its socket during {command}")
            answer = json.loads(line)
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise LabError(f"QMP {command}: {answer['error']['desc']}")
            elif "return" in answer:
                return answer["return"]

    def monitor(self, line):
        """A line for the human monitor; what it prints. Monitor commands report their failures as text only."""
        return self("human-monitor-command", **{"command-line": line})

    def saw(self, event):
        self("query-status")
        return any(e["event"] == event for e in self.events)

    def close(self):
        self._lines.close()
        self._socket.close()

    def wait_status(self, status, timeout):
        wait_until(lambda: self("query-status")["status"] == status, timeout, f"QEMU status {status}")

    def keys(self, *names):
        """Presses these keys together on the machine's keyboard."""
        self("send-key", keys=[{"type": "qcode", "data": n} for n in names])
        time.sleep(0.15)  # send-key holds the keys for 100 ms and refuses another while it does
