# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw Ethernet frames: `frames.py send MAC NAME...` sends the named ones from eth0 of a guest whose card has that MAC; `frames.py hear CARD NAME...`
prints the name of each frame that arrives at a card, until "end" does. A frame ends with its name, so that whoever hears it knows it."""
import os
import socket
import struct
import sys

OTHER = bytes.fromhex("52540000ee01")  # a MAC that is nobody's
ALL = b"\xff" * 6
ALL_NODES = bytes.fromhex("333300000001")
OWN4, ANY4, BROADCAST4, FOREIGN4 = "10.77.0.77", "0.0.0.0", "255.255.255.255", "10.77.0.66"
OWN6, NODES6, SERVERS6 = "fe80::77", "ff02::1", "ff02::1:2"
MARK = b"#berth-lan:"


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def upper(source, target, protocol, packet, at):
    """`packet` with its checksum, which stands at byte `at`, filled in."""
    s, t = address(source), address(target)
    length = struct.pack(">I" if len(s) == 16 else ">H", len(packet))
    pseudo = s + t + (length + bytes([0, 0, 0, protocol]) if len(s) == 16 else bytes([0, protocol]) + length)
    return packet[:at] + struct.pack(">H", checksum(pseudo + packet)) + packet[at + 2:]


def ip(source, target, protocol, packet, extension=b""):
    s, t = address(source), address(target)
    if len(s) == 16:
        first = 0 if extension else protocol
        body = extension + packet
        return struct.pack(">IHBB", 6 << 28, len(body), first, 255) + s + t + body
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(packet), 1, 0, 64, protocol, 0) + s + t
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + packet


def udp(source, target, sport, dport, data):
    return ip(source, target, 17, upper(source, target, 17, struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data, 6))


def icmp6(source, target, kind, data, extension=b""):
    return ip(source, target, 58, upper(source, target, 58, bytes([kind, 0, 0, 0]) + data, 2), extension)


def frame(source, kind, packet, target=ALL):
    return target + source + struct.pack(">H", kind) + packet


def arp(sender, sender_address, reply=True):
    return struct.pack(">HHBBH", 1, 0x800, 6, 4, 2 if reply else 1) + sender + address(sender_address) + b"\0" * 6 + address("10.77.0.1") + b"\0" * 18


def make(name, own):
    """The frame of that name, sent by the guest with the MAC `own`."""
    mark = MARK + name.encode() + b"#"
    offer = bytes([2, 1, 6, 0]) + b"\0" * 232 + bytes.fromhex("6382536335010203") + mark
    advertisement = bytes([64, 0, 7, 8]) + b"\0" * 8 + mark
    nothing = bytes([58, 0, 1, 4, 0, 0, 0, 0])  # hop-by-hop options: padding only
    vlan = lambda number, kind, packet: struct.pack(">HH", number, kind) + packet  # noqa: E731
    return {
        # what a guest may send
        "arp": lambda: frame(own, 0x806, arp(own, OWN4) + mark),
        "arp-probe": lambda: frame(own, 0x806, arp(own, ANY4, reply=False) + mark),
        "ip": lambda: frame(own, 0x800, udp(OWN4, "10.77.0.1", 4000, 4000, mark)),
        "ip-foreign": lambda: frame(own, 0x800, udp(FOREIGN4, "10.77.0.1", 4000, 4000, mark)),
        "arp-foreign": lambda: frame(own, 0x806, arp(own, FOREIGN4) + mark),
        "dhcp-discover": lambda: frame(own, 0x800, udp(ANY4, BROADCAST4, 68, 67, mark)),
        "dhcpv6-solicit": lambda: frame(own, 0x86dd, udp(OWN6, SERVERS6, 546, 547, mark)),
        "neighbour-solicitation": lambda: frame(own, 0x86dd, icmp6(OWN6, NODES6, 135, b"\0" * 4 + address(OWN6) + mark), ALL_NODES),
        "router-solicitation": lambda: frame(own, 0x86dd, icmp6(OWN6, NODES6, 133, b"\0" * 4 + mark), ALL_NODES),
        "end": lambda: frame(own, 0x800, udp(OWN4, "10.77.0.1", 4000, 4001, mark)),
        "end-of-discover": lambda: frame(own, 0x800, udp(ANY4, BROADCAST4, 68, 67, mark)),
        # and what it may not
        "mac-foreign": lambda: frame(OTHER, 0x800, udp(OWN4, "10.77.0.1", 4000, 4000, mark)),
        "arp-mac-foreign": lambda: frame(own, 0x806, arp(OTHER, OWN4) + mark),
        "dhcp-offer": lambda: frame(own, 0x800, udp(OWN4, BROADCAST4, 67, 68, offer)),
        "dhcp-offer-odd-port": lambda: frame(own, 0x800, udp(OWN4, BROADCAST4, 1067, 68, offer)),
        "dhcp-to-relay": lambda: frame(own, 0x800, udp(OWN4, "10.77.0.1", 67, 67, offer)),
        "dhcpv6-advertise": lambda: frame(own, 0x86dd, udp(OWN6, NODES6, 547, 546, mark), ALL_NODES),
        "dhcpv6-advertise-odd-port": lambda: frame(own, 0x86dd, udp(OWN6, NODES6, 1547, 546, mark), ALL_NODES),
        "dhcpv6-to-relay": lambda: frame(own, 0x86dd, udp(OWN6, NODES6, 547, 547, mark), ALL_NODES),
        "router-advertisement": lambda: frame(own, 0x86dd, icmp6(OWN6, NODES6, 134, advertisement), ALL_NODES),
        "router-advertisement-with-options": lambda: frame(own, 0x86dd, icmp6(OWN6, NODES6, 134, advertisement, nothing), ALL_NODES),
        "vlan-0-dhcp-offer": lambda: frame(own, 0x8100, vlan(0, 0x800, udp(OWN4, BROADCAST4, 67, 68, offer))),
        "vlan-5": lambda: frame(own, 0x8100, vlan(5, 0x800, udp(OWN4, "10.77.0.1", 4000, 4000, mark))),
        "vlan-in-vlan": lambda: frame(own, 0x88a8, vlan(0, 0x8100, vlan(0, 0x800, udp(OWN4, BROADCAST4, 67, 68, offer)))),
        "rarp": lambda: frame(own, 0x8035, arp(own, OWN4) + mark),
        "ip-in-snap": lambda: frame(own, 8 + len(udp(OWN4, BROADCAST4, 67, 68, offer)), bytes.fromhex("aaaa030000000800") + udp(OWN4, BROADCAST4, 67, 68, offer)),
    }[name]()


def send(own, names):
    # One processor: the frames stay in this order.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as card:
        card.bind(("eth0", 0))
        for name in names:
            card.send(make(name, own))


def hear(card):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as s:
        s.bind((card, 0))
        s.settimeout(20)
        print("ready", flush=True)
        while True:
            data = s.recv(65536)
            if MARK in data:
                name = data.split(MARK, 1)[1].split(b"#", 1)[0].decode()
                print(name, flush=True)
                if name.startswith("end"):
                    return


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(bytes.fromhex(sys.argv[2].replace(":", "")), sys.argv[3:])
    else:
        hear(sys.argv[2])
