# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/security.md gives exports for nfs-ganesha: a server with those very values serves berthctl and a session."""
import re

import pytest

from sessionworld import ROOT
from test_vm_tools_nfs import ben, boots, ctl  # noqa: F401


def values(text):
    """`Key = value;` of each block of EXPORT, but for what is a site's own: paths and the number."""
    found = {}
    for number, block in re.findall(r"EXPORT \{\s*Export_Id = (\d+);(.*?)\n\}", text, re.S):
        found[int(number)] = {k: v for k, v in re.findall(r"(\w+) = ([^;]+);", block) if k not in ("Path", "Pseudo")}
    return found


@pytest.fixture
def world(make_world, tmp_path):
    (tmp_path / "shared").mkdir()
    return make_world("--squash", "root_squash", "--secure", "--shared", str(tmp_path / "shared"))


def test_the_lines_for_ganesha_are_those_that_run_here_and_serve_tools_and_a_login(world, ctl, ben):  # noqa: F811
    runs = (world.folder / "nfs" / "ganesha.conf").read_text()
    documented = re.search(r"^## Exports$.*?^## ", (ROOT / "docs/security.md").read_text(), re.S | re.M).group(0)
    assert values(documented) == values(runs) and len(values(runs)) == 2
    for line in ("Protocols = 3;", "Enable_NLM = false;", "Enable_RQUOTA = false;", "Enable_UDP = false;", "fsid_device = true;", "Active_krb5 = false;"):
        assert line in documented and line in runs
    ctl.ok("create", "ben/new", "--disk", "16 MiB")
    assert "nothing would stop a login" in ctl.ok("check", "ben/new")
    assert [v["user"] for v in ctl.json("list")] == ["ann", "ben"]
    boots(world)
