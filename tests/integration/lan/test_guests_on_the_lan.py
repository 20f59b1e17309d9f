# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guest can and cannot do on the site's network (docs/security.md "Users' guests on the LAN"), with the kernel's bridge and nftables, libvirt's
filters, dnsmasq, nfs-ganesha, a port mapper and the real berth-session. Each attack is first made where nothing stops it."""
import subprocess
from concurrent.futures import ThreadPoolExecutor

from lanworld import PAGE, PROVISIONER
from processes import wait_until

HARMLESS = {"arp", "arp-probe", "ip", "dhcp-discover", "dhcpv6-solicit", "neighbour-solicitation", "router-solicitation"}
ADDRESSES_OF_OTHERS = {"arp-foreign", "ip-foreign"}
ATTACKS = {"mac-foreign", "arp-mac-foreign", "dhcp-offer", "dhcp-offer-odd-port", "dhcp-to-relay", "dhcpv6-advertise", "dhcpv6-advertise-odd-port",
           "dhcpv6-to-relay", "router-advertisement", "router-advertisement-with-options", "vlan-0-dhcp-offer", "vlan-5", "vlan-in-vlan", "rarp", "ip-in-snap"}
ALL = HARMLESS | ADDRESSES_OF_OTHERS | ATTACKS


def test_a_bridged_guest_is_nobody_else_and_gives_no_addresses(site):
    assert site.heard(ALL) == ALL, "without the filter each of them reaches the site"
    with site.filtered("berth-guest"):
        assert site.heard(ALL) == HARMLESS | ADDRESSES_OF_OTHERS
    assert site.heard(ALL) == ALL


def test_a_guest_that_is_pinned_to_its_lease_uses_no_other_address(site):
    with site.filtered("berth-guest-leased", ("CTRL_IP_LEARNING", "dhcp")):
        assert site.heard(ALL, end="end-of-discover") == {"dhcp-discover"}, "before it has a lease it may ask for one"
        address, _ = site.get_address("bridged")

        def libvirt_knows():
            # Not by ebtables, whose listing writes, too, and meets libvirt's writing. libvirt-J: being made.
            rules = site.run("workstation", "nft", "list", "table", "bridge", "nat")
            return f"ip saddr {address} " in rules and "libvirt-J" not in rules
        wait_until(libvirt_knows, 30, "libvirt's rules for the lease")
        assert site.heard(ALL, end="end-of-discover") == {"dhcp-discover", "arp-probe"}
        assert site.reached("bridged", {"udp/10.77.0.1/53"})


def at_once(action, arguments):
    """What it returns for each; a packet that nobody answers costs its time once."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda a: action(*a), arguments))


def closed(address, mount_port):
    return {f"tcp/{address}/{port}" for port in (111, 2049, mount_port)} | {f"udp/{address}/111"}


def test_no_guest_reaches_the_file_servers_or_the_provisioner(site):
    world = site.world
    mount_port = world.server.ports["mount_port"]
    for guest in ("bridged", "nat"):
        site.get_address(guest)
    site.ip("bridged", "route", "add", "10.99.0.0/24", "via", "10.77.0.1")

    places = (("bridged",), ("nat",), ("workstation",))
    provisioner = {f"tcp/10.77.0.1/{PROVISIONER}"}
    first, second, six = closed("10.77.0.1", mount_port), closed("10.77.0.2", mount_port), closed("fd77::1", mount_port)
    everything = provisioner | first | second | six
    open_to_all = {"udp/10.77.0.1/53", "tcp/10.77.0.1/53", "udp/fd77::1/53", f"tcp/10.77.0.1/{PAGE}", f"tcp/fd77::1/{PAGE}", f"tcp/10.99.0.1/{PAGE}"}

    def assert_open(opened):
        """Each guest reaches exactly these, of the addresses that it has a way to."""
        mine = {guest: {point for point in everything | open_to_all if family in point}
                for guest, family in (("bridged", ""), ("nat", "/10."), ("routed", "/fd77:"))}
        assert at_once(site.reached, mine.items()) == [points & (opened | open_to_all) for points in mine.values()]

    assert_open(everything)
    assert at_once(site.mounts, places) == [True, True, True], "with AUTH_SYS a guest is whoever it likes"

    # A login that ends with its first look at the VM, from a server named by its IPv6 address.
    toml = world.user / "work" / "machine.toml"
    good = toml.read_text().replace('mode = "none"', 'mode = "bridge"')
    toml.write_text("nonsense")
    (world.folder / "cmdline").write_text(f"quiet berth.provisioner=http://10.77.0.1:{PROVISIONER} berth.machine=m-0001 berth.boot=00ff\n")
    world.configure('network_bridge = "br0"\n', server="fd77::1")
    assert world.log_in("s1").end() == 1
    assert_open(first | second)

    # And one from a name with several addresses, whose VM runs.
    toml.write_text(good)
    world.configure('network_bridge = "br0"\n', server="files.test")
    greeter = world.log_in("s2")
    greeter.until("console", 90)
    greeter.guest_says(b"berth guest up")
    filters = site.libvirt.virsh("nwfilter-binding-list").split()
    assert any(name.startswith("vnet") for name in filters) and "berth-guest" in filters, "the session's VM has the filter on its card"
    assert_open(set())
    assert at_once(site.mounts, places) == [False, False, True]

    # What a guest needs of the same host works: an address, names, a boot of its own from the network.
    address, boot = site.get_address("bridged")
    assert address.startswith("10.77.0.") and boot == "10.77.0.1 guest.ipxe"
    assert "a guest's own" in site.run("bridged", "curl", "-sS", "--max-time", "10", f"tftp://10.77.0.1/{boot.split()[1]}")
    assert site.get_address("nat")[0].startswith("192.168.231.")

    assert greeter.end(60, nudge=b"q") == 0
    assert_open(set())
    rules = site.run("workstation", "nft", "list", "ruleset")
    assert rules.count("@closed4 drop") == 2, "each rule is there once"


def test_no_login_goes_on_without_the_rules(site):
    world = site.world
    broken = world.folder / "nft"
    broken.write_text("#!/bin/sh\necho 'no such kernel' >&2\nexit 1\n")
    broken.chmod(0o755)
    world.configure(server="files.test")
    command = world.command
    world.command = lambda *options: [str(broken) if word == "/usr/sbin/nft" else word for word in command(*options)]
    try:
        greeter = world.log_in("s3")
        assert greeter.end() == 1
        assert any("BERTH-H11" in text for text in greeter.texts("message"))
        assert subprocess.run(world.libvirt.enter("ls", world.run), stdout=subprocess.PIPE, text=True).stdout == ""
    finally:
        world.command = command
