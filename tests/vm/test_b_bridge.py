# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliverable 5's other network: the machine's record offers a bridge, and a guest that wants it is a machine of the site's own network."""
import re

import lan
from conftest import Desk
from greeter import Greeter
from invariants import client_is_clean, server_is_clean


def test_b_a_bridged_guest_has_an_address_of_the_sites_dhcp_and_reaches_its_servers(world, machine, person):
    w = machine("bridge", bridge="br0")
    w.set_boot(world.direct(w))
    w.power_on()
    Greeter(w.screen).wait_prompt()
    desk = Desk(world, w)
    assert re.search(r"\b10\.77\.0\.\d+/24\b", desk.agent("ip -4 -o address show dev br0")), "the workstation's own address is the bridge's"
    ben = person["ben"]
    desk.greeter.login(ben)
    # The lab's DHCP names no router.
    desk.greeter.guest("until ip -4 address show dev eth0 | grep -q 'inet 10'; do sleep 1; done")
    address = re.search(r"inet (10\.77\.0\.\d+)/", desk.greeter.guest("ip -4 address show dev eth0"))
    assert address, "an address of the site"
    assert world.page_text.strip() in desk.greeter.guest(f"wget -q -O - {world.page_url}")
    assert re.search(r"\bvnet\d+\s+berth-guest\s", desk.agent("virsh -q nwfilter-binding-list") + "\n"), "its card has the filter"
    # The same host serves the page; its NFS, MOUNT and boot ports are not for guests.
    reached = desk.greeter.guest(f"for p in {lan.NFS_PORT} {lan.MOUNT_PORT} {lan.HTTP_PORT} {lan.PAGE_PORT}; do "
                                 f"nc -w 3 {lan.ADDRESS} $p -e true && echo got-$((40+2))-$p; done; true")
    assert re.findall(r"got-42-(\d+)", reached) == [str(lan.PAGE_PORT)]
    leases = {line.split()[2]: line.split()[1] for line in world.lan.leases.read_text().splitlines() if line.count(" ") >= 4}
    assert leases[address[1]] != w.mac, "the site's DHCP server knows the guest by a card of its own"
    assert leases[address[1]] in desk.agent("virsh -q dumpxml berth-$(ls /run/berth/vm) | grep -i 'mac address'")
    desk.greeter.power_off_guest()
    server_is_clean(world.files["ben"], "bridged", desk.client)
    client_is_clean(desk.agent)
