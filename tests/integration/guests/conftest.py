# SPDX-License-Identifier: GPL-3.0-or-later
import os
import pathlib
import subprocess
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "session"), str(HERE.parent / "greeter")]
import guestworld  # noqa: E402
from world_fixtures import build, libvirt, make_world, world  # noqa: E402, F401


def made(*command):
    return pathlib.Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=1800).stdout.strip())


def told(variable):
    """Made by whoever runs the tests (tests/run), for a network of their own reaches no archive of Debian's."""
    return pathlib.Path(os.environ[variable]) if os.environ.get(variable) else None


@pytest.fixture(scope="session")
def stock_guest():
    return told("BERTH_STOCK_GUEST") or made(HERE / "make_stock_guest")


@pytest.fixture(scope="session")
def desktop_guest(root):
    return told("BERTH_DESKTOP") or made(root / "tests/vm/guests/make_desktop")


@pytest.fixture(scope="session")
def tiny_guest(root):
    return told("BERTH_GUEST") or made(root / "image/guest/make-guest")


@pytest.fixture
def repository(stock_guest):
    """Packages for the guest's apt, by HTTP."""
    server = guestworld.PackageServer(stock_guest / "repository")
    yield server
    server.close()


@pytest.fixture
def make_tiny_vm(world, tiny_guest):
    """Makes ann's VM "work" the tiny guest; its folder."""
    return lambda *options, **changes: guestworld.make_tiny_vm(world, tiny_guest, *options, **changes)


@pytest.fixture
def screen_folder():
    """For the real greeter's screen program, which is another user."""
    with tempfile.TemporaryDirectory(prefix="berth-scr-") as name:
        yield pathlib.Path(name)
