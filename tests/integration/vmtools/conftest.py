# SPDX-License-Identifier: GPL-3.0-or-later
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "session")]
import toolworld  # noqa: E402
from world_fixtures import build, libvirt, make_world, world  # noqa: E402, F401


@pytest.fixture
def make_tools(build):
    made = []

    def make(**options):
        made.append(toolworld.Tools(build, **options))
        return made[-1]

    yield make
    for tools in made:
        tools.close()


@pytest.fixture
def tools(make_tools):
    return make_tools()
