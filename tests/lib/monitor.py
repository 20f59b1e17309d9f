# SPDX-License-Identifier: GPL-3.0-or-later
"""The monitor of a workstation with a display, plugged in and out. QEMU's virtio video device has a monitor of the size that its viewer asks for,
and none where that is 0x0: what is asked here by VNC (RFC 6143; SetDesktopSize is of the community's version of it)."""
import socket
import struct
import time


class Monitor:
    def __init__(self, path, width, height):
        """`path`: the unix socket of QEMU's VNC server."""
        self._path, self._width, self._height = str(path), width, height

    def unplug(self):
        # QEMU tells the device of a size that is another one than before only.
        self._ask(self._width, self._height)
        self._ask(0, 0)

    def plug(self):
        self._ask(self._width, self._height)

    def _ask(self, width, height):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(self._path)
            stream = s.makefile("rwb", 0)

            def take(size):
                got = b""
                while len(got) < size:
                    more = stream.read(size - len(got))
                    assert more, "QEMU closed its VNC connection"
                    got += more
                return got

            take(12)
            stream.write(b"RFB 003.008\n")
            take(take(1)[0])
            stream.write(b"\x01")  # no password
            assert take(4) == bytes(4)
            stream.write(b"\x01")  # shared
            take(struct.unpack(">I", take(24)[20:])[0])
            screen = struct.pack(">IHHHHI", 0, 0, 0, width, height, 0)
            stream.write(struct.pack(">BxHHBx", 251, width, height, 1) + screen)
            time.sleep(0.5)  # there is no answer; what comes next may not overtake it
