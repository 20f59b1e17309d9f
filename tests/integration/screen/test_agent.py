# SPDX-License-Identifier: GPL-3.0-or-later
"""The viewer of a guest that has an agent: it follows the monitor, and nothing else of the workstation reaches it."""
import subprocess

import agent as vd
import pytest
from test_viewer import is_the_guest, show_guest
from viewer import GREEN, RELAY


@pytest.fixture
def guest_agent(viewer, make_guest, folder):
    show_guest(viewer, make_guest(code=RELAY, agent=folder / "agent.sock"))
    made = vd.Agent(folder / "agent.sock")
    made.announce(ask=1)
    made.until(vd.ANNOUNCE)
    yield made
    made.close()


@pytest.fixture
def neighbour(viewer, build):
    """Another program under the viewer's compositor, in front until its first key, with which it takes the clipboard."""
    process = subprocess.Popen([build / "bin/screen_clipboard"], env=viewer.environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "there\n"
    yield process
    process.kill()
    process.wait()


def test_a_guest_with_an_agent_is_told_the_monitors_size(guest_agent, viewer):
    picture = viewer.picture()
    guest_agent.until(vd.MONITORS_CONFIG, seen=lambda body: vd.monitors(body) == [(picture.width, picture.height)])


def test_neither_clipboard_is_seen_by_the_other_side(guest_agent, viewer, neighbour):
    viewer.press("x")
    assert neighbour.stdout.readline() == "taken\n"
    # The viewer has the keyboard again, and with it the compositor has offered it the clipboard.
    viewer.press("x")
    viewer.until(lambda p: is_the_guest(p, GREEN))
    guest_agent.ask_for_clipboard()
    guest_agent.grab_clipboard()
    # A guest's copy would take the workstation's clipboard with the viewer's next key.
    viewer.press("y")
    guest_agent.announce(ask=1)
    guest_agent.until(vd.ANNOUNCE)
    guest_agent.listen(2)
    assert not {kind for kind, _ in guest_agent.heard} & vd.FORBIDDEN, guest_agent.heard
    neighbour.kill()
    assert neighbour.stdout.read() == "", "nobody asked for it, and nobody took it away"
