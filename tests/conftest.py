# SPDX-License-Identifier: GPL-3.0-or-later
"""What all pytest trees share: a machine of their own; --regex picks tests as ctest's -R does; where the programs and the image's files are."""
import os
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "lib"))


def pytest_addoption(parser):
    parser.addoption("--regex", default="", help="run only tests whose id matches")


def pytest_configure(config):
    if not os.environ.get("BERTH_BUILD"):
        raise pytest.UsageError("the tests run in the root of tools: tests/enter /usr/bin/python3 -m pytest ...")
    if os.geteuid() == 0 and not os.environ.get("BERTH_OWN_MACHINE"):
        # Again, where nothing of this host's users, names and services is seen. Output is caught already.
        config.pluginmanager.getplugin("capturemanager").stop_global_capturing()
        own_machine = ROOT / "tests/lib/own-machine"
        network = ["--own-network"] if os.environ.get("BERTH_OWN_NETWORK") else []
        os.execv(own_machine, [str(own_machine), *network, sys.executable, *sys.orig_argv[1:]])
    # berthctl of the build folder is not beside its berth-files as an installed one is.
    os.environ.setdefault("BERTH_FILES", str(pathlib.Path(os.environ["BERTH_BUILD"]).resolve() / "bin/berth-files"))
    config.addinivalue_line("markers", "full_only: too long for the plain run; part of tests/run full only")


def pytest_collection_modifyitems(config, items):
    regex = config.getoption("--regex")

    def chosen(item):
        return re.search(regex, item.nodeid) and (os.environ.get("BERTH_FULL") or not item.get_closest_marker("full_only"))

    config.hook.pytest_deselected(items=[i for i in items if not chosen(i)])
    items[:] = [i for i in items if chosen(i)]


@pytest.fixture(scope="session")
def root():
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def build():
    """The build folder (preset release)."""
    return pathlib.Path(os.environ["BERTH_BUILD"])


@pytest.fixture(scope="session")
def out():
    """Where build-image.sh leaves its files."""
    return pathlib.Path(os.environ.get("BERTH_OUT", ROOT / "out"))


@pytest.fixture(scope="session")
def full():
    """True in tests/run full."""
    return bool(os.environ.get("BERTH_FULL"))
