# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of a compositor that is a keyboard, a mouse and an eye: keys in (virtual-keyboard-unstable-v1), clicks (wlr-virtual-pointer-unstable-v1), pixels out
(wlr-screencopy-unstable-v1, at each change of a part of the screen). It speaks Wayland itself, for a program that is started for each key or picture takes longer than what is measured."""
import array
import contextlib
import mmap
import os
import select
import socket
import struct
import time

KEYMAP = b"""xkb_keymap {
xkb_keycodes { include "evdev+aliases(qwerty)" };
xkb_types { include "complete" };
xkb_compat { include "complete" };
xkb_symbols { include "pc+us+inet(evdev)" };
};
\0"""
DISPLAY, REGISTRY = 1, 2
GLOBALS = {"wl_shm": 1, "wl_seat": 1, "wl_output": 1, "zwlr_screencopy_manager_v1": 2, "zwp_virtual_keyboard_manager_v1": 1,
           "zwlr_virtual_pointer_manager_v1": 1}


def _string(text):
    raw = text.encode() + b"\0"
    return struct.pack("<I", len(raw)) + raw.ljust((len(raw) + 3) // 4 * 4, b"\0")


def _memory(content):
    fd = os.memfd_create("berth")
    os.write(fd, content)
    return fd


class Compositor:
    """`folder`: its XDG_RUNTIME_DIR. Looks at `size` x `size` pixels with the left upper corner `at`. A client hears of a `mouse` a moment after it is there."""

    def __init__(self, folder, at, size=4, mouse=False, name="wayland-0", seconds=20):
        self.socket = self._connect(str(folder / name), time.monotonic() + seconds)
        self.buffer, self.next, self.bound, self.frame = b"", REGISTRY + 1, {}, None
        self.at, self.size = at, size
        self._ask(DISPLAY, 1, struct.pack("<I", REGISTRY))
        self._round_trip()
        missing = GLOBALS.keys() - self.bound.keys()
        if missing:
            raise RuntimeError(f"the compositor has no {', '.join(sorted(missing))}")
        if mouse:
            self.mouse = self._new()
            self._ask(self.bound["zwlr_virtual_pointer_manager_v1"], 0, struct.pack("<II", self.bound["wl_seat"], self.mouse))
        self._plug_in_keyboard()
        self.pixels = self.pool = self.picture = None
        self.look(damage=False)
        self.see(seconds)
        # From the first such request on the compositor remembers what changed since the last picture: no change is missed between two.
        self.look()
        self._forget()

    @staticmethod
    def _connect(path, end):
        while True:
            made = socket.socket(socket.AF_UNIX)
            try:
                made.connect(path)
                return made
            except OSError:
                made.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.005)

    def _ask(self, thing, opcode, body=b"", fd=None):
        message = struct.pack("<II", thing, (8 + len(body)) << 16 | opcode) + body
        ancillary = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self.socket.sendmsg([message], ancillary)

    def _new(self):
        self.next += 1
        return self.next - 1

    def _bind(self, number, name):
        made = self._new()
        self._ask(REGISTRY, 0, struct.pack("<I", number) + _string(name) + struct.pack("<II", GLOBALS[name], made))
        self.bound[name] = made

    def _event(self, timeout):
        """(object, opcode, body), None after `timeout`."""
        end = time.monotonic() + timeout
        while True:
            if len(self.buffer) >= 8:
                thing, word = struct.unpack("<II", self.buffer[:8])
                size = word >> 16
                if len(self.buffer) >= size:
                    body, self.buffer = self.buffer[8:size], self.buffer[size:]
                    if thing == DISPLAY and word & 0xffff == 0:
                        raise RuntimeError(f"the compositor refused: {body[12:].decode(errors='replace')}")
                    return thing, word & 0xffff, body
            if not select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
                return None
            got = self.socket.recv(65536)
            if not got:
                raise EOFError("the compositor ended")
            self.buffer += got

    def _round_trip(self):
        done = self._new()
        self._ask(DISPLAY, 0, struct.pack("<I", done))
        while (event := self._event(20)) and event[0] != done:
            thing, opcode, body = event
            if thing == REGISTRY and opcode == 0:
                number, size = struct.unpack("<II", body[:8])
                name = body[8:8 + size - 1].decode()
                if name in GLOBALS and name not in self.bound:
                    self._bind(number, name)
        if event is None:
            raise TimeoutError("the compositor does not answer")

    def _plug_in_keyboard(self):
        self.keyboard = self._new()
        self._ask(self.bound["zwp_virtual_keyboard_manager_v1"], 0, struct.pack("<II", self.bound["wl_seat"], self.keyboard))
        fd = _memory(KEYMAP)
        self._ask(self.keyboard, 0, struct.pack("<II", 1, len(KEYMAP)), fd)
        os.close(fd)
        self._round_trip()

    def key(self, code, down):
        """`code`: as in linux/input-event-codes.h."""
        self._ask(self.keyboard, 1, struct.pack("<III", int(time.monotonic() * 1000) & 0xffffffff, code, int(down)))

    def click(self, at, screen):
        """The left button at a place of a screen of that size."""
        now = int(time.monotonic() * 1000) & 0xffffffff
        left = 0x110
        for opcode, body in ((1, (now, *at, *screen)), (2, (now, left, 1)), (2, (now, left, 0))):
            self._ask(self.mouse, opcode, struct.pack(f"<{len(body)}I", *body))
            self._ask(self.mouse, 4)
        self._round_trip()

    def _make_buffer(self, form, width, height, stride):
        fd = _memory(bytes(stride * height))
        self.pixels, self.stride = mmap.mmap(fd, stride * height), stride
        self.pool, self.picture = self._new(), self._new()
        self._ask(self.bound["wl_shm"], 0, struct.pack("<II", self.pool, stride * height), fd)
        self._ask(self.pool, 0, struct.pack("<I5i", self.picture, 0, width, height, stride, form))
        os.close(fd)

    def look(self, damage=True):
        """Asks for the pixels, by `damage` when they change next; see() has them. What is asked before a change is not missed."""
        self.frame = self._new()
        self._ask(self.bound["zwlr_screencopy_manager_v1"], 1,
                  struct.pack("<IiI4i", self.frame, 0, self.bound["wl_output"], *self.at, self.size, self.size))
        event = self._event(20)
        while event and event[:2] != (self.frame, 0):
            event = self._event(20)
        if event is None:
            raise TimeoutError("the compositor does not answer")
        if self.pixels is None:
            self._make_buffer(*struct.unpack("<IIII", event[2]))
        self._ask(self.frame, 2 if damage else 0, struct.pack("<I", self.picture))

    def _forget(self):
        self._ask(self.frame, 1)
        self.frame = None

    def see(self, timeout):
        """The colour (0xRRGGBB) of the part's first pixel, once it is as look() asked; None after `timeout`."""
        end = time.monotonic() + timeout
        while event := self._event(max(0, end - time.monotonic())):
            thing, opcode, _ = event
            if thing == self.frame and opcode == 3:
                raise RuntimeError("the compositor gives no picture")
            if thing == self.frame and opcode == 2:
                self._forget()
                return struct.unpack("<I", self.pixels[:4])[0] & 0xffffff
        return None

    def until(self, seen, timeout):
        """Looks until `seen(colour)`; the time at which it was, by time.monotonic()."""
        end, damage = time.monotonic() + timeout, self.frame is not None
        while True:
            if self.frame is None:
                # What is there already does not change any more.
                self.look(damage)
            colour, damage = self.see(max(0, end - time.monotonic())), True
            if colour is None:
                raise TimeoutError("what is waited for was not on the screen")
            if seen(colour):
                return time.monotonic()

    def close(self):
        self.socket.close()
        with contextlib.suppress(AttributeError):
            self.pixels.close()
