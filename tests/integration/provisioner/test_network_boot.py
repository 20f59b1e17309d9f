# SPDX-License-Identifier: GPL-3.0-or-later
"""Real firmware, real iPXE, dnsmasq configured by berthctl: the script is reached and the decision arrives; without the provisioner the
machine goes on to its local disk within 10 s of the script's first line (REQUIREMENTS B1, B4)."""
import json
import re
import shutil
import struct
import time

import pytest

from lan import ADDRESS, NOBODY, HTTP_PORT
from processes import Process, run, wait_until

OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"
SITE_DHCP = "10.77.0.2"


def start_dnsmasq(lan, mode, url=f"http://{ADDRESS}:{HTTP_PORT}"):
    tftp = lan.folder / "tftp"
    tftp.mkdir()
    for name in ("undionly.kpxe", "ipxe.efi"):
        shutil.copy(f"/usr/lib/ipxe/{name}", tftp)
    berthctl = lan.build / "server/berthctl"
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


class Machine:
    def __init__(self, lan, firmware, nic_rom=True):
        self.lan, self.mac, self.folder = lan, "52:54:00:77:00:01", lan.folder
        self.serial = self.folder / "serial"
        disk = self.folder / "disk.img"
        arguments = ["qemu-system-x86_64", "-accel", "tcg", "-m", "512" if firmware == "efi" else "256", "-nodefaults", "-display", "none",
                     "-vga", "none", "-no-reboot", "-serial", f"file:{self.serial}", "-smbios", "type=1,serial=LAB 1",
                     "-netdev", f"tap,id=lan,ifname={lan.tap()},script=no,downscript=no",
                     "-device", f"virtio-net-pci,netdev=lan,mac={self.mac},bootindex=1" + ("" if nic_rom else ",romfile="),
                     "-drive", f"if=none,id=disk,file={disk},format=raw", "-device", "virtio-blk-pci,drive=disk,bootindex=2"]
        if firmware == "efi":
            shutil.copy(OVMF_VARS, self.folder / "vars.fd")
            arguments += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}", "-drive", f"if=pflash,format=raw,file={self.folder}/vars.fd"]
            # The firmware's own PXE would ask again, after iPXE, once for each family; where iPXE comes from the card only that is wanted.
            for family in ("IPv4", "IPv6") if nic_rom else ("IPv6",):
                arguments += ["-fw_cfg", f"name=opt/org.tianocore/{family}PXESupport,string=n"]
            self._make_efi_disk(disk)
        else:
            arguments += ["-machine", "graphics=off"]
            self._make_bios_disk(disk)
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

    def wait(self, pattern, timeout=150):
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
    run(lan.build / "server/berthctl", "--database", lan.database, "policy", "set", "--unknown", "discover")


def assert_decided(lan, machine, firmware):
    machine.wait("Berth: this machine is now listed and waits to be enabled")
    listed = json.loads(run(lan.build / "server/berthctl", "--database", lan.database, "machine", "list", "--json"))
    assert [(m["macs"], m["platform"], m["serial"]) for m in listed] == [([machine.mac], firmware, "LAB 1")]


def test_the_decision_arrives_with_dnsmasq_as_dhcp_server(lan, firmware):
    serve(lan)
    start_dnsmasq(lan, "dhcp")
    machine = Machine(lan, firmware)
    assert_decided(lan, machine, firmware)
    machine.wait("LOCAL DISK BOOTED")


def test_the_decision_arrives_beside_the_sites_own_dhcp_server(lan, firmware):
    site = SiteDhcp(lan)
    try:
        serve(lan)
        start_dnsmasq(lan, "proxy")
        assert_decided(lan, Machine(lan, firmware), firmware)
    finally:
        site.close()


@pytest.mark.parametrize("mode", ["dhcp", "proxy"])
def test_uefi_firmware_without_ipxe_is_given_it_first(lan, mode):
    site = SiteDhcp(lan) if mode == "proxy" else None
    try:
        serve(lan)
        dnsmasq = start_dnsmasq(lan, mode)
        machine = Machine(lan, "efi", nic_rom=False)
        assert_decided(lan, machine, "efi")
        assert "ipxe.efi" in dnsmasq.log_text()
    finally:
        if site:
            site.close()


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
    machine.wait("going on to the local disk")
    assert time.monotonic() - began <= 10
    # UEFI tries its own HTTP entries of the card before the disk, for minutes; that it gets there is shown by the test of the DHCP server.
    machine.wait("LOCAL DISK BOOTED" if firmware == "pcbios" else r"BdsDxe: failed to (load|start) Boot")
