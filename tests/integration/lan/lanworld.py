# SPDX-License-Identifier: GPL-3.0-or-later
"""A site in network namespaces that no other program sees:

    server       10.77.0.1, 10.77.0.2, fd77::1   port mapper, nfs-ganesha, dnsmasq (DHCP, DNS, TFTP), a page (8099), a stand-in for the provisioner (8080)
    workstation  10.77.0.20, fd77::20            bridge br0, libvirt with its network berth-nat, berth-session
    bridged      a guest on br0, a card that libvirt filters as a domain's
    nat          a guest on berth-nat0
    routed       fd99::2, a guest whose IPv6 the workstation forwards

A guest is a network namespace with one end of a veth pair as eth0; its other end is the port that QEMU's tap would be."""
import contextlib
import json
import pathlib
import subprocess
import tempfile

import sessionworld
from processes import Process, run, wait_until

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
MAC = {"bridged": "52:54:00:aa:00:01", "nat": "52:54:00:aa:00:02"}
NAMES = ("10.77.0.1 files.test", "10.77.0.2 files.test", "fd77::1 files.test")
PAGE, PROVISIONER = 8099, 8080
UDHCPC = """#!/bin/sh
case $1 in bound|renew) ip address replace "$ip/$mask" dev "$interface"; [ -z "$router" ] || ip route replace default via "$router"; echo "boot from $siaddr $boot_file";; esac
"""
# argv: seconds, then family/address/port/tcp or udp ...; prints those that answer.
REACH = """
import socket, sys, threading
answered = []
def reach(text):
    kind, address, port = text.split("/")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    question = {"53": bytes.fromhex("abcd01000001000000000000") + b"\\5files\\4test\\0\\0\\1\\0\\1",  # DNS: A files.test
                "111": bytes.fromhex("000000010000000000000002000186a0000000020000000000000000000000000000000000000000")}  # port mapper: NULL
    with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as s:
        s.settimeout(float(sys.argv[1]))
        try:
            s.connect((address, int(port)))
            if kind == "udp":
                s.send(question[port])
                s.recv(4096)
            answered.append(text)
        except OSError:
            pass
threads = [threading.Thread(target=reach, args=(t,)) for t in sys.argv[2:]]
for t in threads: t.start()
for t in threads: t.join()
print(*answered)
"""


class Site(contextlib.ExitStack):
    def __init__(self, build):
        super().__init__()
        self.folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory(prefix="berth-lan-")))
        self.folder.chmod(0o755)
        try:
            self.server = sessionworld.PortMapper()
            self.callback(self.server.close)
            self.libvirt = sessionworld.Libvirt(net=True)
            self.callback(self.libvirt.close)
            self.guests = {name: self._hold() for name in ("bridged", "nat", "routed")}
            self._wire()
            self._start_servers()
            self._start_nat()
            self.world = sessionworld.SessionWorld(self.libvirt, build, "--bind", "::", "--port", "2049", port_mapper=self.server)
            self.callback(self.world.close)
            self.world.command = self._command
        except BaseException:
            self.close()
            raise

    def _command(self, *options):
        """As SessionWorld's, on the workstation's own network."""
        command = sessionworld.SessionWorld.command(self.world, *options)
        return command[command.index("--") + 1:]

    # -- network ------------------------------------------------------------------------------------------------------------
    def _hold(self):
        """The pid that holds a new network namespace."""
        process = subprocess.Popen(["unshare", "--net", "/bin/sh", "-c", "ip link set lo up; echo ready; exec cat"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        self.callback(process.wait)
        self.callback(process.stdin.close)
        assert process.stdout.readline() == "ready\n"
        return process.pid

    def namespace(self, where):
        return {"server": self.server.inside, "workstation": self.libvirt.inside}.get(where) or self.guests[where]

    def on(self, where, *command):
        """The command in that network."""
        return ["nsenter", f"--net=/proc/{self.namespace(where)}/ns/net", "--", *map(str, command)]

    def run(self, where, *command, **options):
        return run(*self.on(where, *command), **options)

    def ip(self, where, *arguments):
        return self.run(where, "ip", *arguments)

    def _cable(self, where, card, port, mac=None):
        """From a card there to a port of the workstation."""
        self.ip("workstation", "link", "add", port, "type", "veth", "peer", "name", card, *(["address", mac] if mac else []), "netns",
                self.namespace(where))
        self.ip(where, "link", "set", card, "up")
        self.ip("workstation", "link", "set", port, "up")

    def _wire(self):
        self.ip("server", "address", "add", "10.77.0.2/24", "dev", "br0")
        self.ip("server", "address", "add", "fd77::1/64", "dev", "br0", "nodad")
        self.ip("server", "address", "add", "10.99.0.1/24", "dev", "lo")  # a network behind it
        self.ip("workstation", "link", "add", "br0", "type", "bridge")
        self.ip("workstation", "link", "set", "br0", "up")
        self.ip("workstation", "address", "add", "10.77.0.20/24", "dev", "br0")
        self.ip("workstation", "address", "add", "fd77::20/64", "dev", "br0", "nodad")
        self.ip("workstation", "route", "add", "10.99.0.0/24", "via", "10.77.0.1")
        self._cable("server", "lan", "lan")
        self._cable("bridged", "eth0", "g-bridged", MAC["bridged"])
        self._cable("nat", "eth0", "g-nat", MAC["nat"])
        self.ip("server", "link", "set", "lan", "master", "br0")
        self.ip("workstation", "link", "set", "lan", "master", "br0")
        self.ip("workstation", "link", "set", "g-bridged", "master", "br0")
        self.ip("bridged", "address", "add", "fd77::100/64", "dev", "eth0", "nodad")
        # The names that the workstation's resolver knows; nobody else's file is changed.
        names = self.folder / "hosts"
        names.write_text("\n".join(("127.0.0.1 localhost", *NAMES, "")))
        subprocess.run(["nsenter", "-t", str(self.libvirt.inside), "-m", "--", "mount", "--bind", names, "/etc/hosts"], check=True)

    def _start(self, where, name, *command):
        process = Process(self.on(where, *command), self.folder / f"{name}.log")
        self.callback(process.stop)
        return process

    def _start_servers(self):
        tftp, pages = self.folder / "tftp", self.folder / "pages"
        for folder, file in ((tftp, "guest.ipxe"), (pages, "page")):
            folder.mkdir()
            (folder / file).write_text("#!ipxe of a guest's own\n")
        self.leases = self.folder / "leases"
        self._start("server", "dnsmasq", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--log-facility=-", "--user=root", "--pid-file",
                    "--no-hosts", "--no-resolv", "--interface=br0", "--dhcp-range=10.77.0.100,10.77.0.150,1h", f"--dhcp-leasefile={self.leases}",
                    *(f"--host-record=files.test,{line.split()[0]}" for line in NAMES), "--enable-tftp", f"--tftp-root={tftp}", "--dhcp-boot=guest.ipxe")
        for port in (PAGE, PROVISIONER):
            self._start("server", f"page-{port}", "/usr/bin/python3", "-m", "http.server", "--bind", "::", "--directory", pages, port)

        def listening():
            lines = self.run("server", "ss", "-Hntlu").splitlines()
            return all(any(line.split()[4].endswith(f":{port}") for line in lines) for port in (53, 67, 69, 111, PAGE, PROVISIONER))
        wait_until(listening, 20, "the site's servers")

    def _start_nat(self):
        """libvirt's network as the image has it."""
        network = ROOT / "overlay/etc/libvirt/qemu/networks/berth-nat.xml"
        self.libvirt.virsh("net-define", network)
        said = self.libvirt.virsh("net-start", "berth-nat")
        assert "berth-nat0" in self.ip("workstation", "-o", "link", "show"), said
        self.ip("workstation", "link", "set", "g-nat", "master", "berth-nat0")
        # libvirt lets no IPv6 through there; a site may have a network that does.
        self._cable("routed", "eth0", "g-routed")
        self.ip("workstation", "address", "add", "fd99::1/64", "dev", "g-routed", "nodad")
        self.run("workstation", "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
        self.ip("routed", "address", "add", "fd99::2/64", "dev", "eth0", "nodad")
        self.ip("routed", "-6", "route", "add", "default", "via", "fd99::1")
        self.ip("server", "-6", "route", "add", "fd99::/64", "via", "fd77::20")

    # -- what guests do -----------------------------------------------------------------------------------------------------
    def get_address(self, guest):
        """By DHCP, with a real client; its IPv4 address, and what it may boot from the network."""
        script = self.folder / "udhcpc"
        script.write_text(UDHCPC)
        script.chmod(0o755)
        said = self.run(guest, "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "5", "-T", "1", "-s", script)
        return json.loads(self.ip(guest, "-j", "-4", "address", "show", "dev", "eth0"))[0]["addr_info"][0]["local"], said.partition("boot from ")[2].split("\n")[0]

    def reached(self, guest, points, seconds=1.5):
        """Which of the points ("tcp/10.77.0.1/111") answer."""
        return set(self.run(guest, "/usr/bin/python3", "-c", REACH, seconds, *sorted(points)).split())

    def mounts(self, where):
        """The export can be mounted and listed."""
        done = subprocess.run(self.on(where, "timeout", "4", "nfs-ls", f"nfs://10.77.0.1{self.world.export}?version=3"), stdout=subprocess.PIPE, text=True)
        return done.returncode == 0 and "ann" in done.stdout

    def heard(self, names, end="end", guest="bridged"):
        """Which of the frames that a guest sends arrive at the server."""
        listener = subprocess.Popen(self.on("server", "/usr/bin/python3", HERE / "frames.py", "hear", "lan"), stdout=subprocess.PIPE, text=True)
        assert listener.stdout.readline() == "ready\n"
        self.run(guest, "/usr/bin/python3", HERE / "frames.py", "send", MAC[guest], *names, end)
        out, _ = listener.communicate(timeout=30)
        assert listener.returncode == 0, "the last frame did not arrive"
        return set(out.split()) - {end}

    @contextlib.contextmanager
    def filtered(self, name, *parameters):
        """libvirt filters the bridged guest's card as it does a domain's."""
        self.libvirt.virsh("nwfilter-binding-delete", "g-bridged")
        binding = self.folder / "binding.xml"
        values = "".join(f"<parameter name='{k}' value='{v}'/>" for k, v in parameters)
        binding.write_text(f"<filterbinding><owner><name>guest</name><uuid>2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e10</uuid></owner><portdev name='g-bridged'/>"
                           f"<mac address='{MAC['bridged']}'/><filterref filter='{name}'>{values}</filterref></filterbinding>")
        said = self.libvirt.virsh("nwfilter-binding-create", binding)
        assert "created" in said or not said.strip(), said
        try:
            yield
        finally:
            self.libvirt.virsh("nwfilter-binding-delete", "g-bridged")
