# SPDX-License-Identifier: GPL-3.0-or-later
"""The viewer of a guest's screen under a real compositor (cage, without a display) with a real guest (QEMU)."""
import os
import signal
import time

from compositor import Compositor
from viewer import BLUE, DARK, GREEN, LARGE, LOUD, RED

MIDDLE, TOP = (0.2, 0.4, 0.8, 0.6), (0.2, 0.0, 0.8, 0.1)


def is_dark(picture):
    return picture.is_at(0.5, 0.25, DARK) and picture.is_at(0.5, 0.75, DARK)


def is_the_guest(picture, below=BLUE):
    return picture.is_at(0.5, 0.25, RED) and picture.is_at(0.5, 0.75, below)


def show_guest(viewer, guest):
    viewer.tell("guest", socket=str(guest.socket), vm="work")
    viewer.expect("frame", 30)
    # The firmware's own picture may be the first.
    viewer.until(is_the_guest, 30)


def test_progress_is_in_the_middle_of_a_dark_screen_until_the_guest_has_a_picture(viewer, make_guest):
    assert viewer.until(is_dark).bright(*MIDDLE) == 0
    viewer.tell("progress", text="Starting work")
    viewer.until(lambda p: is_dark(p) and p.bright(*MIDDLE) > 50)
    show_guest(viewer, make_guest())
    assert viewer.picture().bright(*MIDDLE) == 0
    viewer.tell("guest_end")
    assert viewer.until(is_dark).bright(*MIDDLE) == 0


def test_a_guest_is_as_large_as_its_shape_allows_and_in_the_middle(viewer, make_guest):
    show_guest(viewer, make_guest())
    picture = viewer.picture()
    # 320 x 200 pixels fill the height of 1280 x 720, and 1152 of its width.
    assert picture.is_at(0.5, 0.02, RED) and picture.is_at(0.5, 0.98, BLUE)
    assert picture.is_at(0.07, 0.25, RED) and picture.is_at(0.93, 0.25, RED)
    assert not picture.is_at(0.03, 0.25, RED) and not picture.is_at(0.97, 0.25, RED)


def test_a_guest_that_is_larger_than_the_monitor_is_made_smaller(viewer, make_guest):
    show_guest(viewer, make_guest(code=LARGE))
    picture = viewer.picture()
    assert picture.is_at(0.5, 0.02, RED) and picture.is_at(0.5, 0.98, BLUE)
    # 960 of 1280 pixels.
    assert picture.is_at(0.14, 0.25, RED) and picture.is_at(0.86, 0.25, RED)
    assert not picture.is_at(0.11, 0.25, RED) and not picture.is_at(0.89, 0.25, RED)


def test_keys_reach_the_guest_and_the_chord_only_by_the_greeter(viewer, make_guest):
    guest = make_guest()
    show_guest(viewer, guest)
    viewer.press("x")
    viewer.until(lambda p: is_the_guest(p, GREEN))
    viewer.tell("send_key")
    # SeaBIOS restarts at that, and this guest's QEMU ends at a restart.
    viewer.expect("gone")
    assert guest.process.wait(10) == 0


def test_a_click_does_no_harm_to_a_guest_that_does_not_use_its_tablet(viewer, make_guest, folder):
    show_guest(viewer, make_guest())
    hand = Compositor(folder, (0, 0), mouse=True)
    for down in (True, False):
        hand.key(45, down)  # x
    viewer.until(lambda p: is_the_guest(p, GREEN))
    hand.click((640, 360), (1280, 720))
    for number in (1, 2, 3):  # The first answer overtakes the click, which GTK has put aside.
        viewer.tell("ping", id=number)
        viewer.expect("pong", id=number)
    hand.close()


def test_words_are_over_the_guest_for_their_time(viewer, make_guest):
    show_guest(viewer, make_guest())
    assert viewer.picture().bright(*TOP) == 0
    viewer.tell("words", text="The file server is not answering.", seconds=0)
    viewer.until(lambda p: is_the_guest(p) and p.bright(*TOP) > 50)
    viewer.tell("words", text="It answers again.", seconds=1)
    viewer.until(lambda p: is_the_guest(p) and p.bright(*TOP) == 0)


def test_words_without_a_time_stand_behind_the_time_of_others_and_several_are_lines(viewer, make_guest):
    show_guest(viewer, make_guest())
    # Words that took the place of others are not taken away in their time.
    viewer.tell("words", text="Asking work to shut down.", seconds=1)
    viewer.until(lambda p: p.bright(*TOP) > 50)
    viewer.tell("words", text="The file server is not answering.", seconds=0)
    assert viewer.hear(2) is None
    one = viewer.picture().bright(*TOP)
    assert one > 50
    viewer.tell("words", text="The file server is not answering.\nAsking work to shut down.", seconds=0)
    viewer.until(lambda p: is_the_guest(p) and p.bright(*TOP) > 1.3 * one)
    viewer.tell("words", text="", seconds=0)
    viewer.until(lambda p: is_the_guest(p) and p.bright(*TOP) == 0)


def test_a_picture_that_came_in_pieces_is_what_is_drawn_as_a_whole(viewer, make_guest):
    """Words over the guest and their end draw all of it anew. The guest's picture is scaled: pixels are mixed with neighbours, and at its edge with none."""
    show_guest(viewer, make_guest())
    viewer.press("x")
    pieces = viewer.until(lambda p: is_the_guest(p, GREEN))
    viewer.tell("words", text="The file server is not answering.", seconds=0)
    viewer.until(lambda p: p.bright(*TOP) > 50)
    viewer.tell("words", text="", seconds=0)
    whole = viewer.until(lambda p: is_the_guest(p, GREEN) and p.bright(*TOP) == 0)
    assert pieces.pixels == whole.pixels


def test_the_guest_moves_beneath_words_too(viewer, make_guest):
    show_guest(viewer, make_guest())
    viewer.tell("words", text="The file server is not answering.", seconds=0)
    viewer.until(lambda p: p.bright(*TOP) > 50)
    viewer.press("x")
    viewer.until(lambda p: is_the_guest(p, GREEN) and p.bright(*TOP) > 50)
    viewer.tell("words", text="", seconds=0)
    viewer.until(lambda p: is_the_guest(p, GREEN) and p.bright(*TOP) == 0)


def test_a_guest_that_is_not_there_yet_is_waited_for_and_one_that_went_is_found_again(viewer, make_guest, folder):
    viewer.tell("guest", socket=str(folder / "spice.sock"), vm="work")
    assert viewer.hear(1.5) is None
    guest = make_guest()
    viewer.expect("frame", 30)
    guest.close()
    viewer.expect("gone")
    viewer.until(is_dark)
    make_guest()
    viewer.until(is_the_guest, 30)
    viewer.tell("ping", id=1)
    viewer.expect("pong", id=1)


def test_a_ping_is_answered_and_not_while_the_compositor_is_stopped(viewer):
    viewer.tell("ping", id=1)
    viewer.expect("pong", id=1)
    os.kill(viewer.process.pid, signal.SIGSTOP)
    viewer.tell("ping", id=2)
    assert viewer.hear(1) is None
    os.kill(viewer.process.pid, signal.SIGCONT)
    viewer.expect("pong", id=2)


def test_a_malformed_message_ends_the_viewer_and_with_it_the_compositor(viewer, folder):
    viewer.tell("words", text=7, seconds=0)
    viewer.process.wait(10)
    assert "viewer ended" in (folder / "viewer.log").read_text()


def test_the_guests_sound_is_played(viewer, make_guest, folder):
    viewer.tell("guest", socket=str(make_guest(code=LOUD).socket), vm="work")
    end = time.monotonic() + 20
    while not (sound := folder / "sound").exists() or not any(sound.read_bytes()):
        assert time.monotonic() < end, (folder / "viewer.log").read_text()
        time.sleep(0.1)
