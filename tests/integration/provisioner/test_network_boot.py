# SPDX-License-Identifier: GPL-3.0-or-later
"""Real firmware, real iPXE, dnsmasq configured by berthctl: the script is reached and the decision arrives; without the provisioner the
machine continues with its local disk within 10 s of the script's first line."""
import hashlib
import json
import pathlib
import re
import shutil
import struct
import time

import pytest

from lan import ADDRESS, NOBODY, HTTP_PORT
from processes import Process, run, wait_until
from workstation import OVMF_CODE, OVMF_VARS, uefi_network_boot

SITE_DHCP = "10.77.0.2"


def start_dnsmasq(lan, mode, url=f"http://{ADDRESS}:{HTTP_PORT}"):
    tftp = lan.folder / "tftp"
    tftp.mkdir()
    for name in ("undionly.kpxe", "ipxe.efi"):
        shutil.copy(f"/usr/lib/ipxe/{name}", tftp)
    berthctl = lan.build / "bin/berthctl"
    (tftp / "boot.ipxe").write_text(run(berthctl, "boot-script", "--url", url))
    address_range = "10.77.0.100,10.77.0.199" if mode == "dhcp" else "10.77.0.0"
    settings = lan.folder / "dnsmasq.conf"
    settings.write_text(run(berthctl, "dnsmasq", "--mode", mode, "--interface", "br0", "--range", address_range, "--server-ip", ADDRESS,
                            "--tftp-root", tftp, *(["--ntp", ADDRESS] if mode == "dhcp" else [])))
    dnsmasq = lan.start(["dnsmasq", "--keep-in-foreground", f"--conf-file={settings}", f"--dhcp-leasefile={lan.folder}/leases",
                         "--log-facility=-", "--log-dhcp", "--user=root", "--pid-file"], "dnsmasq")
    wait_until(lambda: dnsmasq.check() or lan.listening(69, udp=True), 30, "dnsmasq's TFTP")
    return dnsmasq


class SiteDhcp:
    """The site's own DHCP server, in a namespace of its own on the same bridge: addresses, and not a word about booting."""

    def __init__(self, lan):
        self.netns = lan.netns + "-site"
        run("ip", "netns", "add", self.netns)
        try:
            lan.ip("link", "add", "site0", "type", "veth", "peer", "name", "eth0", "netns", self.netns)
            lan.ip("link", "set", "site0", "master", "br0", "up")
            run("ip", "-n", self.netns, "address", "add", f"{SITE_DHCP}/24", "dev", "eth0")
            run("ip", "-n", self.netns, "link", "set", "eth0", "up")
            self.dnsmasq = Process(["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=eth0", "--bind-interfaces",
                                    "--dhcp-range=10.77.0.100,10.77.0.199,1h", "--dhcp-option=3", f"--dhcp-leasefile={lan.folder}/site-leases",
                                    "--log-facility=-", "--user=root", "--pid-file"], lan.folder / "site-dnsmasq.log", netns=self.netns)
            wait_until(lambda: self.dnsmasq.check() or ":67 " in run("ss", "-Hnlu", netns=self.netns), 30, "the site's DHCP server")
        except BaseException:
            self.close()
            raise

    def close(self):
        if hasattr(self, "dnsmasq"):
            self.dnsmasq.stop()
        run("ip", "netns", "delete", self.netns, check=False)


PXE_QUESTION = """
import socket, struct, sys
architecture, extra = int(sys.argv[1]), bytes.fromhex(sys.argv[2])
mac = bytes.fromhex("525400770002")
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
s.bind(("", 68))
s.settimeout(20)
head = struct.pack("!BBBBIHHIIII16s64s128sI", 1, 1, 6, 0, 0x42, 0, 0x8000, 0, 0, 0, 0, mac, b"", b"", 0x63825363)
name = b"PXEClient:Arch:%05d:UNDI:002001" % architecture
options = (bytes([53, 1, 1, 93, 2]) + struct.pack("!H", architecture) + bytes([94, 3, 1, 2, 1, 60, len(name)]) + name
           + bytes([97, 17]) + bytes(17) + bytes([55, 4, 1, 3, 66, 67]) + extra + bytes([255]))
s.sendto(head + options, ("255.255.255.255", 67))
answer = s.recv(2048)
file, rest = answer[108:236].rstrip(bytes(1)), answer[240:]
while rest and rest[0] != 255:
    if rest[0] == 67: file = rest[2:2 + rest[1]].rstrip(bytes(1))
    rest = rest[2 + rest[1]:] if rest[0] else rest[1:]
print(file.decode())
"""


@pytest.mark.parametrize("architecture, extra, expected", [
    (0, "", "undionly.kpxe"), (7, "", "ipxe.efi"), (9, "", "ipxe.efi"), (0, "af03b00101", "boot.ipxe"), (7, "4d0469505845", "boot.ipxe")])
def test_each_kind_of_firmware_is_offered_its_program(lan, architecture, extra, expected):
    """BIOS and both numbers of x86-64 UEFI; what is iPXE says so by option 175 or by its user class."""
    start_dnsmasq(lan, "dhcp")
    client = lan.netns + "-pxe"
    run("ip", "netns", "add", client)
    try:
        lan.ip("link", "add", "pxe0", "type", "veth", "peer", "name", "eth0", "netns", client)
        lan.ip("link", "set", "pxe0", "master", "br0", "up")
        run("ip", "-n", client, "address", "add", "10.77.0.50/24", "dev", "eth0")
        run("ip", "-n", client, "link", "set", "eth0", "up")
        assert run("/usr/bin/python3", "-c", PXE_QUESTION, architecture, extra, netns=client).strip() == expected
    finally:
        run("ip", "netns", "delete", client)


# A BIOS card's own PXE program (PXE 2.1, 2.2.4): asks everybody, takes an address from who has one and the list of boot services from who is
# a boot server, asks that one at port 4011 for the first of them, and fetches the file it names by TFTP (RFC 1350). Prints name and digest.
PXE_ROM = """
import hashlib, socket, struct, sys
mac = bytes.fromhex("525400770003")
def connected(port, at="", broadcast=False):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, broadcast)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    s.bind((at, port))
    s.settimeout(20)
    return s
def options(data):
    found = {}
    while data and data[0] != 255:
        if data[0]: found[data[0]] = found.get(data[0], b"") + data[2:2 + data[1]]
        data = data[2 + data[1]:] if data[0] else data[1:]
    return found
def message(kind, own, flags, extra=b""):
    name = b"PXEClient:Arch:00000:UNDI:002001"
    return (struct.pack("!BBBBIHHIIII16s64s128sI", 1, 1, 6, 0, 0x43, 0, flags, own, 0, 0, 0, mac, b"", b"", 0x63825363)
            + bytes([53, 1, kind, 93, 2, 0, 0, 94, 3, 1, 2, 1, 97, 17]) + bytes(17) + bytes([60, len(name)]) + name
            + bytes([55, 5, 1, 3, 43, 60, 67]) + extra + b"\\xff")
dhcp = connected(68, broadcast=True)
dhcp.sendto(message(1, 0, 0x8000), ("255.255.255.255", 67))
address = server = menu = None
while not (address and menu):
    answer, sender = dhcp.recvfrom(2048)
    said = options(answer[240:])
    if answer[16:20] != bytes(4): address = socket.inet_ntoa(answer[16:20])
    if said.get(60) == b"PXEClient": server, menu = sender[0], options(said[43])
assert menu[6][0] & 8 or menu[9], menu
first = menu[9][:2]
dhcp.sendto(message(3, int.from_bytes(socket.inet_aton("10.77.0.50"), "big"), 0, bytes([43, 7, 71, 4]) + first + bytes(2) + b"\\xff"), (server, 4011))
answer = dhcp.recv(2048)
file = answer[108:236].rstrip(bytes(1)) or options(answer[240:])[67].rstrip(bytes(1))
tftp = connected(2070)
tftp.sendto(b"\\0\\1" + file + b"\\0octet\\0", (server, 69))
data, block = b"", b""
while True:
    block, sender = tftp.recvfrom(2048)
    assert block[:2] == b"\\0\\3", block
    data += block[4:]
    tftp.sendto(b"\\0\\4" + block[2:4], sender)
    if len(block) < 516: break
print(file.decode(), hashlib.sha256(data).hexdigest())
"""


def test_a_bios_card_is_served_undionly_beside_the_sites_own_dhcp_server(lan):
    """Packet for packet what a card's PXE program does; none but iPXE's own exists for QEMU, and that one skips this."""
    site = SiteDhcp(lan)
    client = lan.netns + "-pxe"
    try:
        start_dnsmasq(lan, "proxy")
        run("ip", "netns", "add", client)
        lan.ip("link", "add", "pxe0", "type", "veth", "peer", "name", "eth0", "netns", client)
        lan.ip("link", "set", "pxe0", "master", "br0", "up")
        run("ip", "-n", client, "address", "add", "10.77.0.50/24", "dev", "eth0")
        run("ip", "-n", client, "link", "set", "eth0", "up")
        file, digest = run("/usr/bin/python3", "-c", PXE_ROM, netns=client).split()
        assert file == "undionly.kpxe"
        assert digest == hashlib.sha256(pathlib.Path("/usr/lib/ipxe/undionly.kpxe").read_bytes()).hexdigest()
    finally:
        run("ip", "netns", "delete", client, check=False)
        site.close()


class Machine:
    """`nic_rom`: iPXE from the card's own ROM (BIOS; UEFI firmware is given it by TFTP). `chain`: a program that is fetched by TFTP and finds a card's PXE interface below it, as a
    PXE program in ROM would start it; the interface is iPXE's (BIOS only). `other_card`: a card comes first that gets an address too, and iPXE, with
    drivers of its own for both, boots by the second."""

    def __init__(self, lan, firmware, nic_rom=True, chain=None, other_card=False):
        self.lan, self.mac, self.folder = lan, "52:54:00:77:00:01", lan.folder
        self.serial = self.folder / "serial"
        disk = self.folder / "disk.img"
        arguments = ["qemu-system-x86_64", "-accel", "tcg", "-m", "512" if firmware == "efi" else "256", "-nodefaults", "-display", "none",
                     "-vga", "none", "-no-reboot", "-serial", f"file:{self.serial}", "-smbios", "type=1,serial=LAB 1",
                     *(["-netdev", f"tap,id=other,ifname={lan.tap()},script=no,downscript=no",
                        "-device", "virtio-net-pci,netdev=other,mac=52:54:00:77:00:99,romfile="] if other_card else []),
                     "-netdev", f"tap,id=lan,ifname={lan.tap()},script=no,downscript=no",
                     "-device", f"virtio-net-pci,netdev=lan,mac={self.mac},bootindex=1" + ("" if nic_rom else ",romfile="),
                     "-drive", f"if=none,id=disk,file={disk},format=raw", "-device", "virtio-blk-pci,drive=disk,bootindex=2"]
        if firmware == "efi":
            shutil.copy(OVMF_VARS, self.folder / "vars.fd")
            arguments += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}", "-drive", f"if=pflash,format=raw,file={self.folder}/vars.fd"]
            arguments += uefi_network_boot("IPv6")
            self._make_efi_disk(disk)
        else:
            arguments += ["-machine", "graphics=off"]
            self._make_bios_disk(disk)
        if chain or other_card:
            script = self.folder / "chain.ipxe"
            cards = "dhcp net0\ndhcp net1" if other_card else "dhcp"
            script.write_text(f"#!ipxe\n{cards}\nchain tftp://{ADDRESS}/{chain or 'boot.ipxe'}\n")
            arguments += ["-kernel", "/usr/lib/ipxe/ipxe.lkrn", "-initrd", script]
        self.process = lan.start(arguments, "qemu")

    @staticmethod
    def _make_bios_disk(disk):
        """A boot sector that writes the words to the first serial port and halts."""
        words = b"LOCAL DISK BOOTED\r\n\0"
        code = bytes.fromhex("31c08ed8be117cbaf803ac84c07403eeebf8f4ebfd")  # xor ax,ax; ds=0; si=words; dx=0x3f8; lodsb; out; hlt
        code = code.replace(bytes.fromhex("be117c"), b"\xbe" + struct.pack("<H", 0x7C00 + len(code)))
        sector = (code + words).ljust(510, b"\0") + b"\x55\xaa"
        disk.write_bytes(sector.ljust(1 << 20, b"\0"))

    @staticmethod
    def _make_efi_disk(disk):
        """What the firmware's shell, its last entry, runs from a disk without a boot loader."""
        with open(disk, "wb") as f:
            f.truncate(8 << 20)
        run("mformat", "-i", disk, "::")
        run("mcopy", "-i", disk, "-", "::startup.nsh", input="echo LOCAL DISK BOOTED\r\n")

    def text(self):
        raw = self.serial.read_text(errors="replace") if self.serial.exists() else ""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", raw)

    def wait(self, pattern, timeout=600):
        def look():
            self.process.check()
            return re.search(pattern, self.text())
        try:
            return wait_until(look, timeout, f"{pattern!r} on the console", interval=0.05)
        except Exception as e:
            raise AssertionError(f"{e}\n{self.text()[-3000:]}") from None


@pytest.fixture(params=["pcbios", "efi"])
def firmware(request):
    return request.param


def serve(lan):
    lan.start_provisioner()
    run(lan.build / "bin/berthctl", "--database", lan.database, "policy", "set", "-y", "--unknown", "discover")


def assert_decided(lan, machine, firmware):
    machine.wait("Berth: this machine is now listed and waits to be enabled")
    listed = json.loads(run(lan.build / "bin/berthctl", "--database", lan.database, "machine", "list", "--json"))
    assert [(m["macs"], m["platform"], m["serial"]) for m in listed] == [([machine.mac], firmware, "LAB 1")]


# The plain run's OVMF boots so in tests/vm/test_a_network_boot.py.
@pytest.mark.parametrize("firmware", ["pcbios", pytest.param("efi", marks=pytest.mark.full_only)], indirect=True)
def test_the_decision_arrives_with_dnsmasq_as_dhcp_server(lan, firmware):
    serve(lan)
    dnsmasq = start_dnsmasq(lan, "dhcp")
    machine = Machine(lan, firmware)
    assert_decided(lan, machine, firmware)
    assert ("ipxe.efi" in dnsmasq.log_text()) == (firmware == "efi")
    machine.wait("LOCAL DISK BOOTED")


def test_the_decision_arrives_beside_the_sites_own_dhcp_server(lan, firmware):
    site = SiteDhcp(lan)
    try:
        serve(lan)
        dnsmasq = start_dnsmasq(lan, "proxy")
        assert_decided(lan, Machine(lan, firmware), firmware)
        assert ("ipxe.efi" in dnsmasq.log_text()) == (firmware == "efi")
    finally:
        site.close()


@pytest.mark.parametrize("mode", ["dhcp", "proxy"])
def test_undionly_runs_on_a_bios_cards_pxe_interface_and_goes_on(lan, mode):
    site = SiteDhcp(lan) if mode == "proxy" else None
    try:
        serve(lan)
        dnsmasq = start_dnsmasq(lan, mode)
        machine = Machine(lan, "pcbios", nic_rom=False, chain="undionly.kpxe")
        assert_decided(lan, machine, "pcbios")
        sent = re.findall(r"sent \S+/tftp/(\S+) to", dnsmasq.log_text())
        assert sent == ["undionly.kpxe", "boot.ipxe"]
        assert "using undionly" in machine.text(), "not over the card's PXE interface"
    finally:
        if site:
            site.close()


def test_the_one_of_two_cards_that_booted_is_asked_about(lan):
    serve(lan)
    start_dnsmasq(lan, "dhcp")
    assert_decided(lan, Machine(lan, "pcbios", nic_rom=False, other_card=True), "pcbios")


def test_an_image_that_cannot_be_loaded_is_asked_for_three_times_more_and_then_the_local_disk_boots(lan):
    lan.start_provisioner()
    run(lan.build / "bin/berthctl", "--database", lan.database, "policy", "set", "-y", "--unknown", "enrol")
    start_dnsmasq(lan, "dhcp")
    machine = Machine(lan, "pcbios")
    machine.wait("LOCAL DISK BOOTED")
    assert machine.text().count("Berth: the image berth cannot be loaded") == 4
    assert 'berth_boot_decisions_total{action="network"} 4\n' in lan.fetch(f"{lan.url}/metrics")


@pytest.mark.parametrize("fault", ["refuses", "silent", "gone"])
def test_without_an_answer_the_local_disk_is_taken_within_ten_seconds(lan, firmware, fault):
    """refuses: nobody listens on the port; silent: connections are taken and nothing is said; gone: no such host on the network."""
    url = f"http://{NOBODY if fault == 'gone' else ADDRESS}:{HTTP_PORT}"
    start_dnsmasq(lan, "dhcp", url)
    if fault == "silent":
        lan.start(["/usr/bin/python3", "-c", "import socket, signal; s = socket.create_server(('', 8080)); signal.pause()"], "silent")
        wait_until(lambda: lan.listening(HTTP_PORT), 30, "the silent server")
    machine = Machine(lan, firmware)
    machine.wait(f"Berth: asking {re.escape(url)}")
    began = time.monotonic()
    machine.wait("continuing with the local disk")
    assert time.monotonic() - began <= 10
    # UEFI tries its own HTTP entries of the card before the disk, for minutes; that it gets there is shown by the test of the DHCP server.
    machine.wait("LOCAL DISK BOOTED" if firmware == "pcbios" else r"BdsDxe: failed to (load|start) Boot")
