# SPDX-License-Identifier: GPL-3.0-or-later
"""The SPICE agent of a guest (spice/vd_agent.h), as a program in the guest would be: it says what it can, hears what the viewer wants of it."""
import select
import socket
import struct
import time

MONITORS_CONFIG, CLIPBOARD, ANNOUNCE, CLIPBOARD_GRAB, CLIPBOARD_REQUEST, CLIPBOARD_RELEASE = 2, 4, 6, 7, 8, 9
FILE_XFER_START, FILE_XFER_STATUS, FILE_XFER_DATA = 10, 11, 12
# What would carry the clipboard or a file either way.
FORBIDDEN = {CLIPBOARD, CLIPBOARD_GRAB, CLIPBOARD_REQUEST, CLIPBOARD_RELEASE, FILE_XFER_START, FILE_XFER_STATUS, FILE_XFER_DATA}
CLIENT, PROTOCOL, UTF8_TEXT = 1, 1, 1
# Monitors' configuration, reply, clipboard by demand, its selections.
CAPABILITIES = 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6


class Agent:
    def __init__(self, path):
        self.socket, self.bytes, self.parts, self.heard = socket.socket(socket.AF_UNIX), b"", {}, []
        self.socket.connect(str(path))

    def close(self):
        self.socket.close()

    def send(self, kind, body=b""):
        message = struct.pack("<IIQI", PROTOCOL, kind, 0, len(body)) + body
        self.socket.sendall(struct.pack("<II", CLIENT, len(message)) + message)

    def announce(self, ask):
        self.send(ANNOUNCE, struct.pack("<II", ask, CAPABILITIES))

    def grab_clipboard(self):
        """The guest's user has copied something."""
        self.send(CLIPBOARD_GRAB, struct.pack("<B3xI", 0, UTF8_TEXT))

    def ask_for_clipboard(self):
        """The guest's user pastes."""
        self.send(CLIPBOARD_REQUEST, struct.pack("<B3xI", 0, UTF8_TEXT))

    def _next(self):
        """A whole message of what came, or None."""
        while len(self.bytes) >= 8:
            port, size = struct.unpack_from("<II", self.bytes)
            if len(self.bytes) < 8 + size:
                break
            self.parts[port] = self.parts.get(port, b"") + self.bytes[8:8 + size]
            self.bytes = self.bytes[8 + size:]
        for port, part in self.parts.items():
            if len(part) >= 20 and len(part) >= 20 + (size := struct.unpack_from("<I", part, 16)[0]):
                self.parts[port] = part[20 + size:]
                assert struct.unpack_from("<I", part)[0] == PROTOCOL
                return struct.unpack_from("<I", part, 4)[0], part[20:20 + size]
        return None

    def hear(self, seconds):
        """The next message, (kind, body); None after so long."""
        end = time.monotonic() + seconds
        while (message := self._next()) is None:
            if not select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
                return None
            got = self.socket.recv(65536)
            assert got, "the guest ended"
            self.bytes += got
        self.heard.append(message)
        return message

    def until(self, kind, seconds=30, seen=lambda body: True):
        end = time.monotonic() + seconds
        while (message := self.hear(max(0, end - time.monotonic()))) is not None:
            if message[0] == kind and seen(message[1]):
                return message[1]
        raise AssertionError(f"no message {kind}; heard: {self.heard}")

    def listen(self, seconds):
        """All that comes for so long."""
        end = time.monotonic() + seconds
        while self.hear(max(0, end - time.monotonic())) is not None:
            pass


def monitors(body):
    """The (width, height) of each."""
    count, _ = struct.unpack_from("<II", body)
    return [struct.unpack_from("<II", body, 8 + 20 * i)[::-1] for i in range(count)]
