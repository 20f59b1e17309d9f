# SPDX-License-Identifier: GPL-3.0-or-later
import pathlib
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "lib")]
from viewer import Guest, Viewer  # noqa: E402


@pytest.fixture
def folder():
    # Not pytest's own: a socket's path is short.
    with tempfile.TemporaryDirectory(prefix="berth-screen-") as name:
        yield pathlib.Path(name)


@pytest.fixture
def viewer(build, folder):
    made = Viewer(folder, build / "bin/berth-screen")
    try:
        made.expect("hello")
        yield made
    finally:
        made.close()


@pytest.fixture
def make_guest(folder):
    made = []

    def make(**options):
        made.append(Guest(folder, **options))
        return made[-1]
    yield make
    for guest in made:
        guest.close()
