# SPDX-License-Identifier: GPL-3.0-or-later
import pathlib
import signal
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from terminal import Console  # noqa: E402


@pytest.fixture(autouse=True)
def bounded():
    """A test that hangs is a failure after two minutes, not the end of the run."""
    def stop(*_):
        raise TimeoutError("two minutes are over")
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(120)
    yield
    signal.alarm(0)


@pytest.fixture
def folder():
    # Not pytest's own: the screen program's user must be able to enter it, and a socket's path is short.
    with tempfile.TemporaryDirectory(prefix="berth-greeter-") as name:
        yield pathlib.Path(name)


@pytest.fixture
def console(build, folder):
    c = Console(build, folder)
    try:
        yield c
    finally:
        c.close()


@pytest.fixture
def make_console(build, folder):
    made = []

    def make(**options):
        made.append(Console(build, folder, **options))
        return made[-1]
    yield make
    for c in made:
        c.close()
