# SPDX-License-Identifier: GPL-3.0-or-later
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "session"), str(HERE.parent / "greeter")]
import lanworld  # noqa: E402
from world_fixtures import build  # noqa: E402, F401


@pytest.fixture(scope="module")
def site(build):  # noqa: F811
    with lanworld.Site(build) as site:
        yield site
