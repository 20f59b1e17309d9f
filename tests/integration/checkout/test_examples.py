# SPDX-License-Identifier: GPL-3.0-or-later
"""Examples that people copy name servers in full: a short name means what a search list makes of it (docs/security.md "Who says what a name means")."""
import ipaddress
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGES = sorted(["README.md", "docs/operator.md", *(str(p.relative_to(ROOT)) for p in (ROOT / "docs/man").iterdir())])
# The value of an option or a key that names a server, and whatever stands before ":/path".
SERVERS = re.compile(r"""(?:--(?:nfs-server|server|shared|ntp)[ =]|\bserver\ =\ )["']?([A-Za-z0-9_.-]+) | (?<![A-Za-z0-9_.\-/])([A-Za-z0-9][A-Za-z0-9_.-]*):/(?!/)""", re.X)
# What stands for a server's name in a sentence.
WORDS = {"server", "host", "HOST", "Ar"}


def servers(text):
    return [a or b for a, b in SERVERS.findall(text) if (a or b) not in WORDS]


def is_full(name):
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return "." in name.strip(".")


@pytest.mark.parametrize("page", PAGES)
def test_examples_name_servers_in_full(page):
    assert not [n for n in servers((ROOT / page).read_text()) if not is_full(n)]


def test_a_short_name_would_be_seen():
    readme = (ROOT / "README.md").read_text()
    assert set(servers(readme)) == {"fs1.example.org"}
    assert servers('--nfs-server fs1 --server fs2:/export server = "fs3" "fs4:/a" http://10.0.0.1:8080/') == ["fs1", "fs2", "fs3", "fs4"]
