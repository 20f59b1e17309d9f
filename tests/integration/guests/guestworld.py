# SPDX-License-Identifier: GPL-3.0-or-later
"""Real operating systems as guests of real sessions: someone at their console, and what their disks hold at the server afterwards."""
import contextlib
import functools
import http.server
import itertools
import os
import re
import select
import shutil
import subprocess
import threading
import time

import sessionworld
from processes import wait_until

LIMIT = 300  # for one boot or one shutdown of an emulated guest on a busy machine


class Terminal:
    """A guest's console with someone at it who types and reads."""

    def __init__(self, greeter):
        self.greeter, self.unread, self.marks = greeter, b"", itertools.count()

    def read_to(self, pattern, what):
        """All up to the end of the first match of `pattern`; the match."""
        end = time.monotonic() + LIMIT
        while not (match := re.search(pattern, self.unread, re.S)):
            data = self.read(end - time.monotonic())
            assert data, f"{what} never came; the guest's last words: {self.unread[-2000:]!r}; {self.log()[-2000:]}"
            self.unread += data
        self.unread = self.unread[match.end():]
        return match

    def read(self, seconds):
        """What comes next; nothing after so long or at the console's end."""
        ready = select.select([self.greeter.console], [], [], max(0, seconds))[0]
        with contextlib.suppress(ConnectionResetError):
            return self.greeter.console.recv(65536) if ready else b""
        return b""

    def type(self, text):
        self.greeter.console.sendall(text.encode())

    def log(self):
        return self.greeter.log_text()

    def run(self, command):
        """A command that must succeed; what it printed. The marks are typed in two pieces: their echo is not them."""
        n = next(self.marks)
        self.type(f'echo "<""{n}"; {command}; echo "$?"">{n}"\n')
        match = self.read_to(rf"<{n}\r\n(.*?)(\d+)>{n}\r\n".encode(), f"the end of {command!r}")
        output = match[1].decode(errors="replace").replace("\r\n", "\n")
        assert match[2] == b"0", f"{command!r} ended with {match[2].decode()}: {output}"
        return output


class ScreenTerminal(Terminal):
    """The same on the screen of the real greeter, whose user logs in by himself."""

    def __init__(self, person):
        super().__init__(None)
        self.person, self.mark = person, 0

    def read(self, seconds):
        def come():
            self.person.advance()
            return self.person.console.raw(self.mark)
        data = wait_until(come, seconds, "a word on the screen", interval=0.05)
        self.mark += len(data)
        return data

    def type(self, text):
        self.person.console.type(text)

    def log(self):
        return self.person.log()


def log_in(world):
    """A session whose guest runs: the greeter's end, and the guest's console."""
    greeter = world.log_in()
    greeter.until("console", 120)
    return greeter, Terminal(greeter)


def close(greeter):
    """The user's "Shut the VM down"."""
    greeter.send(type="vm", action="close")


def read_to_the_end(guest):
    """A guest waits for whoever reads its console; until it is off."""
    wait_until(lambda: not guest.read(LIMIT), LIMIT, "the end of the guest's console", interval=0.05)


def owned_by_ann(folder):
    for path in (folder, *folder.iterdir()):
        os.chown(path, sessionworld.UID, sessionworld.UID)


def empty_vm(world):
    vm = world.user / "work"
    shutil.rmtree(vm)
    vm.mkdir()
    return vm


def make_tiny_vm(world, guest, *options, changes=()):
    """`changes`: pairs of texts in machine.toml, old and new."""
    vm = empty_vm(world)
    subprocess.run([sessionworld.ROOT / "image/guest/make-vm", world.user, "--name", "work", "--network", "none", "--files", "8", "--swap", "64", "--guest",
                    guest, *options], check=True)
    text = (vm / "machine.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (vm / "machine.toml").write_text(text)
    owned_by_ann(vm)
    return vm


def stored(image, path, offset=0):
    """A file of the ext4 that begins at `offset` of a disk, as it lies on the server."""
    return subprocess.run(["debugfs", "-R", f"cat {path}", f"{image}?offset={offset}"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def is_sound(image, offset):
    """e2fsck has nothing to say of the ext4 that begins there."""
    return subprocess.run(["e2fsck", "-f", "-n", f"{image}?offset={offset}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class PackageServer:
    """The web server of a package repository, on this machine's loopback: QEMU's user-mode network shows it to a guest as 10.0.2.2."""

    def __init__(self, folder):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(handler, *_):
                self.asked.append(handler.path)

        self.asked = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        self.url = f"http://10.0.2.2:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
