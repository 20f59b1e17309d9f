# SPDX-License-Identifier: GPL-3.0-or-later
"""The users of the VM tests: one or two for each test, so that no test finds what another left. Their directories' file system
decides what goes wrong with them (lan.py says which address is what)."""
import dataclasses

import lan as l

PASSWORD = "correct-horse"


@dataclasses.dataclass(frozen=True)
class Person:
    name: str
    uid: int
    server: str = l.ADDRESS
    vms: tuple = ("work",)
    shadow: str = ""  # what follows the password in shadow(5), from the day of its last change on; default: nothing ever expires
    locked: bool = False

    @property
    def password(self):
        return PASSWORD


_people = [
    Person("ann", 2001, vms=("play", "work")),            # b, c
    Person("bea", 2002),                                  # a plain login
    Person("eve", 2003, shadow="0:0:99999:7:::"),         # must change her password at once
    Person("max", 2004, shadow="19000:0:99999:7::19001:"),# his account has ended
    Person("lou", 2005, locked=True),                     # passwd -l
    Person("rita", 2006, server=l.READ_ONLY),
    Person("mia", 2007),                                  # her VM's disk is missing
    Person("fay", 2008, server=l.SMALL),                  # her file system is full
    Person("quinn", 2009, server=l.QUOTA),                # her quota is used up
    Person("nora", 2010, server=l.NOBODY),                # her file server is not there
    Person("kim", 2011),                                  # another client holds her VM; she says no
    Person("kit", 2012),                                  # and he says yes
    Person("pat", 2017),                                  # the power button is pressed while his VM runs
    Person("sam", 2014),                                  # secure attention
    Person("gus", 2013, vms=("window",)),                 # his guest has a screen
    Person("wil", 2015),                                  # his guest leaves the terminal wild
    Person("ben", 2016, vms=("bridged",)),                # his guest is on the site's own network
    Person("ida", 2061, vms=()),                          # she installs Debian
    Person("dan", 2062, vms=()),                          # his guest has a desktop
]
# The power goes at a moment of their session (tests/vm/test_g_power_cut.py).
CUT_AT = {moment: f"cut-{moment}" for moment in (
    "lock", "running", "release", "authenticate", "credentials", "mount", "choose", "check", "swap", "volume", "vm", "close-vm", "save",
    "delete-swap", "close-files")}
_people += [Person(name, 2030 + n) for n, name in enumerate(CUT_AT.values())]
people = {p.name: p for p in _people}
