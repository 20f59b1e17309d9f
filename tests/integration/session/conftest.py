# SPDX-License-Identifier: GPL-3.0-or-later
import os
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "greeter")]
import sessionworld  # noqa: E402


@pytest.fixture(scope="session")
def build():
    return os.environ.get("BERTH_BUILD", str(sessionworld.ROOT / "out/build/dev"))


def pytest_terminal_summary(terminalreporter):
    ways = sys.modules.get("test_ways_out")
    if ways is not None and ways.RESULTS:
        terminalreporter.write_line("\nEvery way out, by step and fault (empty: not run):")
        terminalreporter.write(ways.outcomes())


@pytest.fixture(scope="module")
def libvirt():
    libvirt = sessionworld.Libvirt()
    yield libvirt
    libvirt.close()


@pytest.fixture
def make_world(libvirt, build):
    worlds = []

    def make(*ganesha_options, **keywords):
        worlds.append(sessionworld.World(libvirt, build, *ganesha_options, **keywords))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def world(make_world):
    return make_world()


@pytest.fixture
def port_mapper():
    port_mapper = sessionworld.PortMapper()
    yield port_mapper
    port_mapper.close()
