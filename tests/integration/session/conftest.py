# SPDX-License-Identifier: GPL-3.0-or-later
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "greeter")]
import sessionworld  # noqa: E402
from world_fixtures import build, libvirt, make_world, world  # noqa: E402, F401


def pytest_terminal_summary(terminalreporter):
    ways = sys.modules.get("test_ways_out")
    if ways is not None and ways.RESULTS:
        terminalreporter.write_line("\nEvery way out, by step and fault (empty: not run):")
        terminalreporter.write(ways.outcomes())


@pytest.fixture
def port_mapper():
    port_mapper = sessionworld.PortMapper()
    yield port_mapper
    port_mapper.close()
