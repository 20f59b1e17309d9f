# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixtures of every folder whose tests run the real berth-session; its conftest.py imports them."""
import os

import pytest

import sessionworld


@pytest.fixture(scope="session")
def build():
    return os.environ["BERTH_BUILD"]


@pytest.fixture(scope="module")
def libvirt():
    libvirt = sessionworld.Libvirt()
    yield libvirt
    libvirt.close()


@pytest.fixture
def make_world(libvirt, build):
    worlds = []

    def make(*ganesha_options, **keywords):
        worlds.append(sessionworld.SessionWorld(libvirt, build, *ganesha_options, **keywords))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def world(make_world):
    return make_world()
