# SPDX-License-Identifier: GPL-3.0-or-later
"""A place to run the real berth-session: an NFS server, a libvirtd of its own, PAM by a scripted module, users by nss_wrapper, and the
greeter's end of descriptor 3."""
import array
import contextlib
import json
import os
import pathlib
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import time

from faults import kill_session

ROOT = pathlib.Path(__file__).resolve().parents[3]
UID = 1000
UUID = "6a4f3c1e-0000-4000-8000-0000000000%02x"
UEFI = """
firmware = "uefi"
tpm = true
"""
MACHINE = """schema = 1
uuid = "{uuid}"
cpus = 1
memory = "64 MiB"

[network]
mode = "none"

[[disk]]
name = "software"
role = "software"
path = "software.raw"

[[disk]]
name = "swap"
role = "swap"
size = "64 MiB"
uuid = "9b0c1d52-8f2e-4c11-a4de-0c5e1ad1b7a3"
"""


def first_child(pid):
    """unshare --fork: its child is the first process of the new namespaces."""
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


class Libvirt:
    """tests/lib/with-libvirt held open; `enter` runs a program inside its namespaces. `net`: in a network of its own."""

    def __init__(self, net=False):
        self.namespaces = ["-m", "-p", *(["-n"] if net else [])]
        self.process = subprocess.Popen([ROOT / "tests/lib/with-libvirt", *(["--net"] if net else []), "/bin/bash", "-c", "echo ready; exec cat"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("with-libvirt did not start")
        self.inside = first_child(self.process.pid)

    def enter(self, *command):
        return ["nsenter", "-t", str(self.inside), *self.namespaces, "--", *map(str, command)]

    def virsh(self, *arguments):
        return subprocess.run(self.enter("virsh", "-q", "-c", "qemu:///system", *arguments), text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60).stdout

    def signal(self, name):
        """To libvirtd: STOP makes one that lives and does not answer."""
        pid = subprocess.run(self.enter("cat", "/run/libvirt/libvirtd.pid"), text=True, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(self.enter("kill", f"-{name}", pid.strip()), check=True)

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


class PortMapper:
    """tests/lib/with-port-mapper held open: a network of its own with rpcbind in it."""

    def __init__(self):
        self.process = subprocess.Popen([ROOT / "tests/lib/with-port-mapper", "/bin/bash", "-c", "echo ready; exec cat"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("with-port-mapper did not start")
        self.inside = first_child(self.process.pid)

    def enter(self, *command):
        """A server there: it registers with that rpcbind."""
        return ["nsenter", "-t", str(self.inside), "-n", "-m", "-p", "--", *map(str, command)]

    def on_its_network(self, *command):
        return ["nsenter", f"--net=/proc/{self.inside}/ns/net", "--", *map(str, command)]

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


class Ganesha:
    def __init__(self, folder, export, *options, enter=lambda *command: command):
        self.state, self.export, self.options, self.enter = folder, export, options, enter
        self.start()

    def start(self):
        line = subprocess.run(self.enter(ROOT / "tests/lib/ganesha", "start", self.export, self.state, *self.options), text=True, check=True,
                              stdout=subprocess.PIPE, timeout=60).stdout
        self.ports = {k: int(v) for k, v in (w.split("=") for w in line.split())}

    def do(self, action):
        subprocess.run(self.enter(ROOT / "tests/lib/ganesha", action, self.state), check=True, timeout=60)

    def close(self):
        self.do("stop")


class Greeter:
    """The greeter's end of a session. Prompts and choices are answered from `answers` and `choices` as they come."""

    def __init__(self, world, session, options=(), answers=("geheim",), choices=(), user="ann"):
        self.session, self.answers, self.choices = session, list(answers), list(choices)
        self.buffer, self.fds, self.shown = b"", [], []
        self.console = None
        ours, theirs = socket.socketpair()
        self.socket = ours
        self.log = open(world.folder / f"{session}.log", "wb")
        os.set_inheritable(theirs.fileno(), True)

        def to_three():
            os.dup2(theirs.fileno(), 3, inheritable=True)

        self.process = subprocess.Popen(world.command(*options), env=world.environment(), preexec_fn=to_three, close_fds=False, stdin=subprocess.DEVNULL,
                                        stderr=self.log)
        theirs.close()
        self.send(type="start", user=user, tty="tty1", session=session)

    def send(self, **body):
        data = json.dumps(body).encode()
        self.socket.sendall(struct.pack(">I", len(data)) + data)

    def receive(self, timeout):
        """The next message or None after `timeout`; EOFError at the end."""
        end = time.monotonic() + timeout
        while True:
            if len(self.buffer) >= 4:
                (length,) = struct.unpack(">I", self.buffer[:4])
                if len(self.buffer) >= 4 + length:
                    body = json.loads(self.buffer[4:4 + length])
                    self.buffer = self.buffer[4 + length:]
                    return body
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            data, ancillary, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(16))
            for level, kind, value in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds = array.array("i")
                    fds.frombytes(value[:len(value) - len(value) % fds.itemsize])
                    self.fds += fds
            if not data:
                raise EOFError
            self.buffer += data

    def take(self, body, answer=True):
        """Keeps a message, answers what it asks (a prompt only if `answer`)."""
        self.shown.append(body)
        if body["type"] == "prompt" and answer:
            self.send(type="answer", id=body["id"], text=self.answers.pop(0))
        if body["type"] == "choice":
            self.send(type="chosen", id=body["id"], index=self.choices.pop(0))
        if body["type"] == "console":
            self.console = socket.socket(fileno=self.fds.pop(0))

    def until(self, kind, timeout=60, nudge=None, answer=True, **fields):
        """Answers what is asked until a message of that kind (or one of a tuple of kinds) comes; AssertionError with what was shown after `timeout`. `nudge`: a letter for
        the guest, repeated: SeaBIOS reads the serial port too, in its timer interrupt, and may take a letter away from our boot sector."""
        end = time.monotonic() + timeout
        kinds = (kind,) if isinstance(kind, str) else kind
        while True:
            left = max(0, end - time.monotonic())
            try:
                if nudge is not None:
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        self.console.sendall(nudge)
                body = self.receive(left if nudge is None else min(left, 1))
            except (EOFError, ConnectionResetError):
                body, left = None, 0
            if body is None and nudge is not None and left > 0:
                continue
            if body is None:
                raise AssertionError(f"no {kind} came; shown: {self.shown}; log: {self.log_text()}")
            self.take(body, answer)
            if body["type"] in kinds and all(body.get(k) == v for k, v in fields.items()):
                return body

    def guest_says(self, text, timeout=60, nudge=b"", pace=1):
        """Reads the guest's console until `text` came, sending `nudge` after each `pace` seconds of silence."""
        end, got = time.monotonic() + timeout, b""
        send = True
        while text not in got:
            if send:
                self.console.sendall(nudge)
            send = False
            if not select.select([self.console], [], [], pace)[0]:
                assert time.monotonic() < end, f"the guest said only {got!r}"
                send = True
                continue
            data = self.console.recv(4096)
            assert data, f"the console ended after {got!r}"
            got += data

    def texts(self, kind, field="text"):
        return [b.get(field, "") for b in self.shown if b["type"] == kind]

    def log_text(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()

    def end(self, timeout=60, nudge=None):
        """Waits for "end" and the process's exit; the exit code."""
        self.result = self.until("end", timeout, nudge)["result"]
        return self.process.wait(20)

    def close(self):
        for s in (self.socket, self.console):
            if s is not None:
                s.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()


class SessionWorld:
    """One export with user ann and her VM "work". Everything lives in one folder under /tmp."""

    def __init__(self, libvirt, build, *ganesha_options, port_mapper=None, folder=None):
        self.libvirt, self.build, self.port_mapper = libvirt, pathlib.Path(build), port_mapper
        self.folder = folder or pathlib.Path(tempfile.mkdtemp(prefix="berth-ses-"))
        self.folder.chmod(0o755)
        self.export = self.folder / "export"
        self.export.mkdir(exist_ok=True)
        self.sector = subprocess.run([self.build / "bin/session_boot_sector"], stdout=subprocess.PIPE, check=True).stdout
        self.user = self.export / "ann"
        self.user.mkdir()
        os.chown(self.user, UID, UID)
        self.add_vm("work", 1)
        self.sessions = []
        (self.folder / "nfs").mkdir()
        where = {"enter": port_mapper.enter} if port_mapper else {}
        self.server = Ganesha(self.folder / "nfs", self.export, *ganesha_options, **where)
        self.state, self.swap, self.run = self.folder / "state", self.folder / "swap", self.folder / "run"
        self.pam_script = self.folder / "pam"
        self.pam("auth conv 1\noff Password: =geheim\n")
        # Of the lock, in milliseconds: the laboratory's berth-session. None: the shipped one, with its times.
        self.times, self.power_button_seconds = "1000,6000,3000,2000", 5
        self.write_users()
        self.configure()

    def add_vm(self, name, number):
        folder = self.user / name
        folder.mkdir()
        (folder / "machine.toml").write_text(MACHINE.format(uuid=UUID % number))
        with open(folder / "software.raw", "wb") as disk:
            disk.write(self.sector)
            disk.truncate(4 << 20)
        for path in (folder, *folder.iterdir()):
            os.chown(path, UID, UID)
        return folder

    def pam(self, script):
        self.pam_script.write_text(script)

    def write_users(self):
        services = self.folder / "pam.d"
        services.mkdir()
        module = self.build / "bin/pam_scripted.so"
        (services / "berth").write_text("".join(f"{kind} required {module} {self.pam_script}\n" for kind in ("auth", "account", "password", "session")))
        many = "".join(f"g{i}:x:{3000 + i}:many\n" for i in range(17))
        (self.folder / "passwd").write_text(pathlib.Path("/etc/passwd").read_text() +
                                            f"ann:x:{UID}:{UID}::/:/bin/false\nmany:x:1002:1002::/:/bin/false\n_berth-volume:x:990:990::/:/bin/false\n"
                                            "_berth-files:x:991:991::/:/bin/false\n")
        (self.folder / "group").write_text(pathlib.Path("/etc/group").read_text() + f"ann:x:{UID}:\nmany:x:1002:\n_berth-volume:x:990:\n_berth-files:x:991:\n" + many)

    def configure(self, extra="", client="m-0001", host="berth-12", server="127.0.0.1", data="persistent", directory=None):
        ports = {"nfs_port": 0, "mount_port": 0} if self.port_mapper else self.server.ports
        (self.folder / "berth.toml").write_text(
            f'[locate]\nmethod = "static"\nserver = "{server}"\ndirectory = "{directory or self.export}/{{user}}"\nnfs_port = {ports["nfs_port"]}\n'
            f'mount_port = {ports["mount_port"]}\n[vm]\nallow_emulation = true\n{extra}')
        (self.folder / "boot.json").write_text(json.dumps({"data": data, "clock": "synchronised", "kvm": {"usable": False, "why": "test"},
                                                           "network": True, "client": {"id": client, "host": host}}))

    def environment(self):
        return {"PATH": os.environ["PATH"], "LD_PRELOAD": "libpam_wrapper.so:libnss_wrapper.so", "PAM_WRAPPER": "1",
                "PAM_WRAPPER_SERVICE_DIR": str(self.folder / "pam.d"), "NSS_WRAPPER_PASSWD": str(self.folder / "passwd"),
                "NSS_WRAPPER_GROUP": str(self.folder / "group"), "BERTH_NBDKIT_PLUGIN": str(self.build / "bin/nbdkit-berth-plugin.so"), "TZ": "UTC"}

    def command(self, *options):
        program = ["bin/berth-session"] if self.times is None else ["bin/berth-lab/berth-session", "--lock-times-ms", self.times]
        command = self.libvirt.enter(self.build / program[0], *program[1:], "--config", self.folder / "berth.toml", "--machine",
                                     self.folder / "machine.json", "--boot", self.folder / "boot.json", "--kernel-command-line", self.folder / "cmdline",
                                     "--state-dir", self.state, "--swap-dir", self.swap, "--run-root", self.run, "--nat-network", "",
                                     # The host's rules are the host's.
                                     "--nft", "/usr/sbin/nft" if self.port_mapper else "",
                                     "--volume-program", self.build / "bin/berth-volume",
                                     "--files-program", self.build / "bin/berth-files",
                                     "--power-button-seconds", str(self.power_button_seconds), "--volume-stop-seconds", "20", "--going-down", self.folder / "going-down", *options)
        return self.port_mapper.on_its_network(*command) if self.port_mapper else command

    def log_in(self, session="s1", options=(), **keywords):
        greeter = Greeter(self, session, options, **keywords)
        self.sessions.append(greeter)
        return greeter

    def sweep(self, timeout=90):
        subprocess.run(self.command("--sweep"), env=self.environment(), check=True, timeout=timeout)

    def settle(self, *options):
        """What power-off runs first, started."""
        return subprocess.Popen(self.command("--settle", *options), env=self.environment())

    def names(self, vm="work"):
        return sorted(os.listdir(self.user / vm))

    def locks(self, vm="work"):
        return [n for n in self.names(vm) if n.startswith("lock.")]

    def last_used(self, vm="work"):
        """The highest last-used record: (epoch, client)."""
        numbers = [int(n.split(".")[1]) for n in self.names(vm) if n.startswith("last-used.")]
        record = json.loads((self.user / vm / f"last-used.{max(numbers)}").read_text())
        return max(numbers), json.dumps(record)

    def processes(self):
        """Command lines of the processes that name this world's folder."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if (str(self.run) in line or line.startswith(f"{self.build}/bin/berth-files")) and "nsenter" not in line:
                    found.append(line)
        return found

    def assert_clean(self, client="m-0001", vm="work"):
        """Nothing is left behind, here and at the server."""
        assert self.locks(vm) == []
        assert client in self.last_used(vm)[1]
        self.assert_client_clean()

    def assert_client_clean(self):
        for folder in (self.swap, self.run, self.state):
            assert not folder.exists() or list(folder.rglob("*")) == [], f"left in {folder}: {list(folder.rglob('*'))}"
        end = time.monotonic() + 5
        while self.processes() and time.monotonic() < end:
            time.sleep(0.1)
        assert self.processes() == []
        assert self.libvirt.virsh("list", "--all", "--name").strip() == ""

    def close(self):
        self.end_client()
        self.server.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end_client(self):
        """Whatever still runs of this workstation."""
        for greeter in self.sessions:
            greeter.close()
        for uuid in self.libvirt.virsh("list", "--uuid").split():
            self.libvirt.virsh("destroy", uuid)
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError, ValueError):
                if str(self.run).encode() in path.read_bytes():
                    kill_session(int(path.parent.name))
