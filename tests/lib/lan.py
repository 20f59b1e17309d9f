# SPDX-License-Identifier: GPL-3.0-or-later
"""A site in a network namespace: a bridge, taps for workstations, and the real servers on the bridge's addresses.

    10.77.0.1  dnsmasq (DHCP, settings by `berthctl dnsmasq`), berth-provisioner, chronyd, a web page, the file server
    10.77.0.3  a folder exported read-only        10.77.0.4  a small file system that a test can fill
    10.77.0.5  a file system with a quota         10.77.0.9  nobody

Everything ends by pid and the namespace goes, also after a failure; names carry this process's pid, so runs do not meet."""
import contextlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import time

from processes import LabError, Process, run, wait_until

LIB = pathlib.Path(__file__).resolve().parent
ROOT = LIB.parent.parent
ADDRESS = "10.77.0.1"
READ_ONLY = "10.77.0.3"
SMALL = "10.77.0.4"
QUOTA = "10.77.0.5"
NOBODY = "10.77.0.9"
HTTP_PORT = 8080
NFS_PORT = 2049
MOUNT_PORT = 20048
PAGE_PORT = 8099
_numbers = itertools.count(1)
_PREFIX = "lab-"


def _sweep_old():
    """Namespaces of runs that were killed: their processes, then they themselves."""
    for line in run("ip", "netns", "list").splitlines():
        name = line.split()[0] if line.split() else ""
        parts = name.split("-")
        if not name.startswith(_PREFIX) or len(parts) != 3 or os.path.exists(f"/proc/{parts[1]}"):
            continue
        _kill_namespace(name)
        run("ip", "netns", "delete", name, check=False)


def _kill_namespace(name):
    for pid in run("ip", "netns", "pids", name, check=False).split():
        with contextlib.suppress(ProcessLookupError, ValueError):
            os.kill(int(pid), signal.SIGKILL)


class FileServer:
    """nfs-ganesha on an address of the Lan (tests/lib/ganesha)."""

    def __init__(self, lan, name, address, export, *options, preload=None):
        self.lan, self.address, self.export = lan, address, pathlib.Path(export)
        self.state = lan.folder / f"ganesha-{name}"
        self.options = options
        self.preload = preload
        self.start()

    def start(self):
        command = [LIB / "ganesha", "start", self.export, self.state, "--bind", self.address, "--port", NFS_PORT, "--mount-port",
                   MOUNT_PORT, *self.options]
        if self.preload:
            command = ["env", f"LD_PRELOAD={self.preload}", *command]
        run(*command, netns=self.lan.netns)

    def _control(self, verb):
        run(LIB / "ganesha", verb, self.state, netns=self.lan.netns)

    def stop(self):
        self._control("stop")

    def pause(self):
        self._control("pause")

    def resume(self):
        self._control("resume")


class Lan:
    def __init__(self, folder, build, out):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.build, self.out = pathlib.Path(build), pathlib.Path(out)
        self.netns = f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
        self._stack = contextlib.ExitStack()
        self._taps = itertools.count(1)
        _sweep_old()
        try:
            self._make_network()
            self.export = self.folder / "export"
            (self.export / "users").mkdir(parents=True)
            (self.export / "shared").mkdir()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._stack.close()

    # -- network ------------------------------------------------------------------------------------------------------------
    def ip(self, *arguments):
        return run("ip", "-n", self.netns, *arguments)

    def _make_network(self):
        run("ip", "netns", "add", self.netns)
        self._stack.callback(run, "ip", "netns", "delete", self.netns, check=False)
        self._stack.callback(_kill_namespace, self.netns)
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", "br0", "type", "bridge")
        for address in (ADDRESS, READ_ONLY, SMALL, QUOTA):
            self.ip("address", "add", f"{address}/24", "dev", "br0")
        self.ip("link", "set", "br0", "up")

    def tap(self):
        name = f"tap{next(self._taps)}"
        self.ip("tuntap", "add", "dev", name, "mode", "tap")
        self.ip("link", "set", name, "master", "br0")
        self.ip("link", "set", name, "up")
        return name

    def unplug(self, tap):
        self.ip("link", "set", tap, "down")

    def plug(self, tap):
        self.ip("link", "set", tap, "up")

    def run(self, *argv, **options):
        return run(*argv, netns=self.netns, **options)

    def start(self, argv, name, **options):
        process = Process(argv, self.folder / f"{name}.log", netns=self.netns, **options)
        self._stack.callback(process.stop)
        return process

    def fetch(self, url, *options, timeout=60):
        return self.run("curl", "-sS", "--fail", "--max-time", timeout, *options, url)

    def listening(self, port, address=ADDRESS, udp=False):
        text = self.run("ss", "-Hnlu" if udp else "-Hnlt", f"sport = :{port}")
        local = [line.split()[3].rsplit(":", 1)[0].split("%")[0] for line in text.splitlines() if line.strip()]
        return any(a in (address, "0.0.0.0", "*", "[::]") for a in local)

    # -- servers ------------------------------------------------------------------------------------------------------------
    @property
    def url(self):
        return f"http://{ADDRESS}:{HTTP_PORT}"

    def start_provisioner(self):
        self.database = self.folder / "provisioner.db"
        self.images = self.folder / "images"
        self.images.mkdir(exist_ok=True)
        self.provisioner = self.start(
            [self.build / "bin" / "berth-provisioner", "--listen", f"{ADDRESS}:{HTTP_PORT}", "--database", self.database,
             "--images", self.images, "--ipxe", ROOT / "ipxe" / "boot.ipxe"], "provisioner")
        self._ready(self.provisioner, HTTP_PORT)

    def stop_provisioner(self):
        self.provisioner.stop()

    def _ready(self, process, port, udp=False):
        def look():
            process.check()
            return self.listening(port, udp=udp)
        wait_until(look, 60, f"{process.name} listening on port {port}")

    def ctl(self, noun, verb, *arguments):
        """berthctl with this provisioner's database."""
        return run(self.build / "bin" / "berthctl", noun, verb, "--database", self.database, *arguments)

    def ctl_json(self, noun, verb, *arguments):
        return json.loads(self.ctl(noun, verb, "--json", *arguments))

    def start_dnsmasq(self):
        """Settings exactly as the product writes them; the rest of the line is how a program is run in a lab."""
        self.leases = self.folder / "leases"
        tftp = self.folder / "tftp"
        tftp.mkdir()
        shutil.copy("/usr/lib/ipxe/ipxe.efi", tftp)
        (tftp / "boot.ipxe").write_text(run(self.build / "bin" / "berthctl", "boot-script", "--url", self.url, "--ipxe",
                                            ROOT / "ipxe" / "boot.ipxe"))
        configuration = self.folder / "dnsmasq.conf"
        configuration.write_text(run(
            self.build / "bin" / "berthctl", "dnsmasq", "--mode", "dhcp", "--interface", "br0", "--range", "10.77.0.100,10.77.0.199",
            "--server-ip", ADDRESS, "--http-port", HTTP_PORT, "--tftp-root", tftp, "--ntp", ADDRESS))
        self.dnsmasq = self.start(
            ["dnsmasq", "--keep-in-foreground", f"--conf-file={configuration}", f"--dhcp-leasefile={self.leases}", "--log-facility=-",
             "--log-dhcp", "--user=root", "--pid-file"], "dnsmasq")
        self._ready(self.dnsmasq, 67, udp=True)

    def start_ntp(self):
        configuration = self.folder / "chrony.conf"
        configuration.write_text(f"local stratum 3\nallow 10.77.0.0/24\nbindaddress {ADDRESS}\ncmdport 0\npidfile {self.folder}/chronyd.pid\n")
        chronyd = shutil.which("chronyd") or "/usr/sbin/chronyd"
        self.ntp = self.start([chronyd, "-d", "-x", "-u", "root", "-f", configuration], "chronyd")
        self._ready(self.ntp, 123, udp=True)

    def start_page(self, text="This page came over NAT.\n"):
        pages = self.folder / "pages"
        pages.mkdir()
        (pages / "page").write_text(text)
        self.page = self.start(["/usr/bin/python3", "-u", "-m", "http.server", "--bind", ADDRESS, "--directory", pages, PAGE_PORT], "page")
        self._ready(self.page, PAGE_PORT)
        return f"http://{ADDRESS}:{PAGE_PORT}/page"

    def start_file_server(self, name, address, export, *options, preload=None):
        server = FileServer(self, name, address, export, *options, preload=preload)
        self._stack.callback(server.stop)
        return server

    def small_file_system(self, name, mebibytes):
        """An ext4 file system of its own, mounted; its folder."""
        image, folder = self.folder / f"{name}.ext4", self.folder / name
        with open(image, "wb") as f:
            f.truncate(mebibytes << 20)
        run("mkfs.ext4", "-q", "-m", "0", image)
        folder.mkdir()
        run("mount", "-o", "loop", image, folder)
        self._stack.callback(self._unmount, folder)
        return folder

    def quota_file_system(self, name, mebibytes):
        """A btrfs of its own, mounted; set_quota() gives its whole tree a limit (this kind of quota needs no module on any kernel here)."""
        image, folder = self.folder / f"{name}.btrfs", self.folder / name
        with open(image, "wb") as f:
            f.truncate(mebibytes << 20)
        run("mkfs.btrfs", "-q", image)
        folder.mkdir()
        run("mount", "-o", "loop", image, folder)
        self._stack.callback(self._unmount, folder)
        run("btrfs", "quota", "enable", folder)
        return folder

    @staticmethod
    def set_quota(folder, limit):
        """In bytes, for good: btrfs lets nobody raise a limit that is already passed."""
        run("btrfs", "quota", "rescan", "-w", folder)
        run("btrfs", "qgroup", "limit", limit, "0/5", folder)

    @staticmethod
    def _unmount(folder):
        for _ in range(50):  # the server that had it exported is being reaped
            try:
                return run("umount", folder)
            except LabError:
                time.sleep(0.1)
        return run("umount", "-l", folder)
