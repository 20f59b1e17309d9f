# SPDX-License-Identifier: GPL-3.0-or-later
"""What all pytest trees share: --regex picks tests as ctest's -R does; where the programs and the image's files are."""
import os
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "lib"))


def pytest_addoption(parser):
    parser.addoption("--regex", default="", help="run only tests whose id matches")


def pytest_collection_modifyitems(config, items):
    regex = config.getoption("--regex")
    if not regex:
        return
    out = [i for i in items if not re.search(regex, i.nodeid)]
    config.hook.pytest_deselected(items=out)
    items[:] = [i for i in items if re.search(regex, i.nodeid)]


@pytest.fixture(scope="session")
def root():
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def build():
    """The build folder (preset dev)."""
    return pathlib.Path(os.environ.get("BERTH_BUILD", ROOT / "out/build/dev"))


@pytest.fixture(scope="session")
def out():
    """Where build-image.sh leaves its files."""
    return pathlib.Path(os.environ.get("BERTH_OUT", ROOT / "out"))


@pytest.fixture(scope="session")
def full():
    """True in tests/run full."""
    return bool(os.environ.get("BERTH_FULL"))
