# SPDX-License-Identifier: GPL-3.0-or-later
import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "session")]
import sessionworld  # noqa: E402
import toolworld  # noqa: E402


@pytest.fixture(scope="session")
def build():
    return os.environ.get("BERTH_BUILD", str(sessionworld.ROOT / "out/build/dev"))


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


@pytest.fixture(scope="module")
def libvirt():
    libvirt = sessionworld.Libvirt()
    yield libvirt
    libvirt.close()


@pytest.fixture
def world(libvirt, build):
    world = sessionworld.World(libvirt, build)
    yield world
    world.close()
