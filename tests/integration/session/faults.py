# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a session, made for real: programs killed, the file server stopped, read-only, full or slow, clocks jumped, disk full."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time


class SlowProxy:
    """Stands before a file server's two ports; each piece of data waits `delay` seconds in it, in order."""

    def __init__(self, ports):
        self.delay, self._listeners = 0, []
        self.ports = {name: self._listen(port) for name, port in ports.items() if name != "pid"}

    def _listen(self, behind):
        listener = socket.create_server(("127.0.0.1", 0))
        self._listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener, behind), daemon=True).start()
        return listener.getsockname()[1]

    def _accept(self, listener, behind):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", behind))
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._upstream, args=(client, server), daemon=True).start()
            threading.Thread(target=self._downstream, args=(client, server), daemon=True).start()

    def _upstream(self, client, server):
        self._carry(client, server)

    def _downstream(self, client, server):
        self._carry(server, client)

    def _carry(self, here, there):
        with contextlib.suppress(OSError):
            while data := here.recv(1 << 20):
                time.sleep(self.delay)
                there.sendall(data)
        for s in (here, there):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def close(self):
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


class LateWriteProxy(SlowProxy):
    """Keeps the first block back that is written once `armed` is set. When its connection ends, as its client sees it, the block is still under way: it
    reaches the server `late` seconds afterwards."""

    def __init__(self, ports, late):
        self.late, self.armed = late, False
        self.holding, self.delivered = threading.Event(), threading.Event()
        self._client, self._late_server, self._answered = None, None, threading.Event()
        super().__init__(ports)

    def lose(self):
        """The connection of the block that is kept back ends."""
        self._client.shutdown(socket.SHUT_RDWR)

    def _upstream(self, client, server):
        kept, data = None, b""
        with contextlib.suppress(OSError):
            while more := client.recv(1 << 20):
                data += more
                while len(data) >= 4 and len(data) >= (end := 4 + (struct.unpack_from(">I", data)[0] & 0x7fffffff)):
                    record, data = data[:end], data[end:]
                    if self.armed and self._is_block(record):
                        self.armed, kept, self._client = False, record, client
                        self.holding.set()
                    else:
                        server.sendall(record)
        if kept:
            time.sleep(self.late)
            self._late_server = server
            server.sendall(kept)
            if self._answered.wait(30):
                self.delivered.set()
        for s in (client, server):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def _downstream(self, client, server):
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 20):
                if server is self._late_server:
                    self._answered.set()
                with contextlib.suppress(OSError):
                    client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _is_block(record):
        """RFC 5531 9, RFC 1813 3.3.7: a call of NFS's WRITE, of whole sectors. A renewal writes JSON."""
        program, _, procedure = struct.unpack_from(">3I", record, 16)
        if (program, procedure) != (100003, 7):
            return False
        at = 28
        for _ in ("credential", "verifier"):
            at += 8 + (struct.unpack_from(">I", record, at + 4)[0] + 3) // 4 * 4
        at += 4 + (struct.unpack_from(">I", record, at)[0] + 3) // 4 * 4  # the file's handle
        return struct.unpack_from(">I", record, at + 8)[0] % 512 == 0 and record[at + 20:at + 21] != b"{"


def fill(folder):
    """Takes every byte that is left; the file that does it."""
    path = pathlib.Path(folder) / "filler"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with contextlib.suppress(OSError):
        while True:
            os.write(fd, bytes(1 << 16))
    os.close(fd)
    return path


def processes(world):
    """(pid, arguments) of what names this world's folder; with-libvirt's nsenter does not count."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            arguments = path.read_bytes().decode(errors="replace").split("\0")
            if any(str(world.run) in a for a in arguments) and not arguments[0].endswith("nsenter"):
                found.append((int(path.parent.name), arguments))
    return found


def session_pid(world):
    for pid, arguments in processes(world):
        if arguments[0].endswith("berth-session") and "--sweep" not in arguments:
            return pid
    return None


def state_and_parent(pid):
    """proc(5)'s letter, and the parent's pid."""
    state, parent = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:2]
    return state, int(parent)


def kill_session(pid):
    """pam_wrapper has 62 places in /tmp for all of this machine: the killed session's is given back."""
    places = set()
    with contextlib.suppress(OSError):
        places = set(re.findall(r"/tmp/pam\.\w(?=/)", pathlib.Path(f"/proc/{pid}/maps").read_text()))
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    for place in places:
        shutil.rmtree(place, ignore_errors=True)


def is_qemu(arguments):
    return "qemu-system" in arguments[0]


def is_volume(arguments):
    return not arguments[0].endswith("berth-session") and any(a.endswith("volume.json") for a in arguments)


def files_pid(world):
    """Of the session's berth-files."""
    session = session_pid(world)
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            pid = int(path.parent.name)
            if path.read_bytes().split(b"\0")[0].endswith(b"berth-files") and state_and_parent(pid)[1] == session:
                return pid
    return None


class Fault:
    """One fault for one cell. `inject`, then `poll` again and again: what has to be seen first is awaited there, and what heals without help
    heals there. `on`: it is still being made or has not healed. `heal` ends it at once."""

    TIMES = {"libvirtd": 0.5, "stopped": 3, "read-only": 3, "filled": 3, "slow": 6}

    def __init__(self, name, cell):
        self.name, self.cell, self.on, self.begun = name, cell, False, None

    def inject(self):
        self.on, self.begun = True, time.monotonic()
        getattr(self, "_" + self.name.replace("-", "_"))()

    def poll(self):
        if not self.on:
            return
        if self.name == "qemu":
            self._kill_first(is_qemu)
        elif self.name == "volume":
            self._kill_first(is_volume)
        elif self.name == "files":
            self._kill_files()
        elif self.name in self.TIMES and time.monotonic() - self.begun >= self.TIMES[self.name]:
            self.heal()

    def heal(self):
        if self.on:
            self.on = False
            getattr(self, "_heal_" + self.name.replace("-", "_"), lambda: None)()

    def _kill_first(self, wanted):
        for pid, arguments in processes(self.cell.world):
            if wanted(arguments):
                os.kill(pid, signal.SIGKILL)
                self.on = False

    def _kill_files(self):
        if (pid := files_pid(self.cell.world)) is None:
            return
        os.kill(pid, signal.SIGKILL)
        # It is dead before the session continues: a call to a process that is about to die would be another fault.
        with contextlib.suppress(OSError):
            while state_and_parent(pid)[0] not in "ZX":
                time.sleep(0.001)
        self.on = False

    def _files(self):
        self.poll()

    def _qemu(self):
        self.poll()

    def _volume(self):
        self.poll()

    def _session(self):
        kill_session(session_pid(self.cell.world))
        self.on = False

    def _greeter(self):
        self.cell.person.lose_greeter()
        self.on = False

    def _ui(self):
        os.kill(self.cell.person.console.ui(), signal.SIGKILL)
        self.on = False

    def _libvirtd(self):
        inside = self.cell.world.libvirt
        subprocess.run(inside.enter("sh", "-c", "kill -9 $(cat /run/libvirt/libvirtd.pid)"), check=True)

    def _heal_libvirtd(self):
        inside = self.cell.world.libvirt
        subprocess.run(inside.enter("sh", "-c", "PATH=$PATH:/usr/sbin libvirtd --daemon --pid-file /run/libvirt/libvirtd.pid"), check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _stopped(self):
        self.cell.world.server.do("stop")

    def _heal_stopped(self):
        self.cell.world.server.start()

    def _read_only(self):
        server = self.cell.world.server
        server.do("stop")
        server.options = ("--ro",)
        server.start()

    def _heal_read_only(self):
        server = self.cell.world.server
        server.do("stop")
        server.options = ()
        server.start()

    def _filled(self):
        self.filler = fill(self.cell.world.export)

    def _heal_filled(self):
        self.filler.unlink()

    def _slow(self):
        self.cell.proxy.delay = 0.4

    def _heal_slow(self):
        self.cell.proxy.delay = 0

    def _wall(self):
        self.cell.clock(wall=-400 * 86400)
        self.on = False

    def _boot(self):
        self.cell.clock(boot=600)
        self.on = False

    def _local(self):
        self.filler = fill(self.cell.world.local)

    def _heal_local(self):
        self.filler.unlink()


def clock_file(path, wall=0, boot=0):
    """What step_seam.cpp maps; written in place."""
    with open(path, "r+b" if path.exists() else "wb") as f:
        f.write(struct.pack("=qq", wall * 10**9, boot * 10**9))
