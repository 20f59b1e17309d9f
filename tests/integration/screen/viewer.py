# SPDX-License-Identifier: GPL-3.0-or-later
"""berth-screen under a compositor without a display, a guest for it, and the greeter's end of its socket."""
import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import time

# Guests that need no time, for they are boot sectors (16-bit code). Both show red above blue: SMALL on 320 x 200 pixels, and green in place of blue after a
# key; LARGE on 1024 x 768, which is higher than the compositor's screen. LOUD sounds the speaker, 1 kHz.
SMALL = bytes.fromhex("b81300cd10b800a08ec0b301" "31ffb9007db004f3aab9007d88d8f3aa30e4cd16b302ebe8")
LARGE = bytes.fromhex("b8024fbb0501cd10b800a08ec031d2b8054f31dbcd10b00483fa067202b00131ffb9fffff3aaaa4283fa0c72e2f4ebfd")
# RELAY is SMALL and passes bytes between its two serial lines: QEMU's end of the agent's channel is one of them, a test the other.
RELAY = bytes.fromhex("b81300cd10b800a08ec0b30131ffb9007db004f3aab9007d88d8f3aabef803bff802e8130087f7e80e00b401cd1674ec30e4cd16b302ebd4"
                      "8d5405eca801741289f2ec88c48d5505eca82074fb89fa88e0eec3")
LOUD = bytes.fromhex("b0b6e643b8a904e64288e0e642e4610c03e661f4ebfd")
RED, BLUE, GREEN, DARK = (168, 0, 0), (0, 0, 168), (0, 168, 0), (0x10, 0x15, 0x1a)


def stop(process):
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Guest:
    SPICE = "disable-ticketing=on,image-compression=off,streaming-video=off"

    def __init__(self, folder, code=SMALL, name="spice.sock", agent=None):
        """`agent`: a socket to be, the guest's end of its agent's channel (code=RELAY). Its card has no resolution of its own to set."""
        self.socket, disk = folder / name, folder / "disk"
        more = ["-device", "virtio-vga", "-spice", f"unix=on,addr={self.socket},{self.SPICE},disable-copy-paste=on"]
        if agent:
            # Not Berth's way: here the viewer alone refuses.
            more = ["-device", "VGA", "-spice", f"unix=on,addr={self.socket},{self.SPICE},agent-mouse=off", "-chardev", "spicevmc,name=vdagent,id=agent",
                    "-chardev", f"socket,path={agent},server=on,wait=off,id=test", "-device", "isa-serial,chardev=agent", "-device", "isa-serial,chardev=test"]
        disk.write_bytes(code.ljust(510, b"\0") + b"\x55\xaa")
        self.log = open(folder / f"{name}.log", "w")
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg", "-machine", "pc,pcspk-audiodev=sound", "-audiodev", "spice,id=sound", "-m", "64", "-nodefaults", "-no-reboot", "-display", "none", "-vga", "none",
             "-device", "qemu-xhci", "-device", "usb-tablet", "-drive", f"file={disk},format=raw,if=ide,readonly=off", *more],
            stdout=self.log, stderr=self.log, start_new_session=True)

    def close(self):
        stop(self.process)
        self.log.close()
        self.socket.unlink(missing_ok=True)


class Viewer:
    """The greeter's end of its socket."""

    def __init__(self, folder, program):
        self.folder, self.bytes = folder, b""
        # What is played is in this file.
        (folder / ".asoundrc").write_text(f'pcm.!default {{ type file slave.pcm null file "{folder}/sound" format raw }}\n')
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / "screen.sock"))
        listener.listen()
        self.environment = os.environ | {"XDG_RUNTIME_DIR": str(folder), "HOME": str(folder), "WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman",
                                         "WLR_LIBINPUT_NO_DEVICES": "1", "WLR_XWAYLAND": "/bin/false"}
        self.environment.pop("WAYLAND_DISPLAY", None)
        self.log = open(folder / "viewer.log", "w")
        self.process = subprocess.Popen(["cage", "--", str(program), "--socket", str(folder / "screen.sock")], env=self.environment, stdout=self.log,
                                        stderr=self.log, start_new_session=True)
        listener.settimeout(20)
        self.greeter, _ = listener.accept()
        listener.close()
        self.environment["WAYLAND_DISPLAY"] = "wayland-0"

    def close(self):
        self.greeter.close()
        stop(self.process)
        self.log.close()

    def tell(self, kind, **fields):
        body = json.dumps({"type": kind} | fields).encode()
        self.greeter.sendall(struct.pack(">I", len(body)) + body)

    def hear(self, seconds):
        """The next message; None after so long."""
        end = time.monotonic() + seconds
        while True:
            if len(self.bytes) >= 4:
                size = struct.unpack(">I", self.bytes[:4])[0]
                if len(self.bytes) >= 4 + size:
                    message, self.bytes = json.loads(self.bytes[4:4 + size]), self.bytes[4 + size:]
                    return message
            if not select.select([self.greeter], [], [], max(0, end - time.monotonic()))[0]:
                return None
            got = self.greeter.recv(65536)
            if not got:
                raise EOFError((self.folder / "viewer.log").read_text())
            self.bytes += got

    def expect(self, kind, seconds=20, **fields):
        message = self.hear(seconds)
        assert message is not None and message["type"] == kind, (kind, message, (self.folder / "viewer.log").read_text())
        assert {name: message[name] for name in fields} == fields
        return message

    def picture(self):
        """What the compositor shows now."""
        ppm = subprocess.run(["grim", "-t", "ppm", "-"], env=self.environment, check=True, capture_output=True, timeout=20).stdout
        _, size, _, pixels = ppm.split(b"\n", 3)
        return Picture(*map(int, size.split()), pixels)

    def until(self, seen, seconds=10):
        """The picture, once `seen(picture)`."""
        end = time.monotonic() + seconds
        while not seen(picture := self.picture()):
            assert time.monotonic() < end, picture.describe()
            time.sleep(0.05)
        return picture

    def press(self, key):
        """On a keyboard that is there for a moment before and behind, as one of a person is."""
        subprocess.run(["wtype", "-s", "200", key, "-s", "300"], env=self.environment, check=True, timeout=20)


class Picture:
    def __init__(self, width, height, pixels):
        self.width, self.height, self.pixels = width, height, pixels

    def at(self, x, y):
        """A pixel; x and y from 0 to 1."""
        column, row = min(int(x * self.width), self.width - 1), min(int(y * self.height), self.height - 1)
        return tuple(self.pixels[3 * (row * self.width + column):][:3])

    def is_at(self, x, y, colour):
        return all(abs(a - b) <= 10 for a, b in zip(self.at(x, y), colour))

    def bright(self, left, top, right, bottom):
        """How many pixels of a part are those of a bright text."""
        rows = range(int(top * self.height), int(bottom * self.height))
        return sum(min(self.pixels[i:i + 3]) > 180 for row in rows for i in range(3 * (row * self.width + int(left * self.width)),
                                                                                 3 * (row * self.width + int(right * self.width)), 3))

    def describe(self):
        return {(x, y): self.at(x, y) for x in (0.01, 0.5, 0.99) for y in (0.01, 0.25, 0.5, 0.75, 0.99)}
