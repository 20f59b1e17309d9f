# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests of several kinds on the workstation's own display: what a boot loader, Debian's installer, a framebuffer console and a desktop draw, beside the
pictures in tests/vm/pictures; and the keys and the pointer that they get."""
import pytest
from PIL import Image, ImageChops

import screenguests
from greeter import ASKS_NAME, STEP_TIMEOUT
from invariants import client_is_clean
from people import people
from pictures import difference, part
from processes import wait_until

MONITOR = (1280, 800)
BOOT = 600  # seconds for what a guest's firmware and kernel do, emulated
# Where the guests draw, without what tells of versions.
CONSOLE_PROMPT = (107, 0, 180, 17)
INSTALLER_MENU, INSTALLER_KEYBOARDS = (300, 200, 1000, 450), (500, 240, 740, 290)


@pytest.fixture(scope="module", autouse=True)
def display_goes(display):
    """Nobody after these needs it, and it has memory."""
    yield
    display.w.cut_power()


def log_in(d, person):
    d.login(person)
    d.wait_in_front("tty2")


def at_the_prompt(d):
    d.wait_in_front("tty1")
    d.w.wait_virtual_terminal(ASKS_NAME)
    client_is_clean(d.w.agent)


def test_m_debians_installer_is_on_the_display_and_gets_its_answers(display, world):
    d = display
    screenguests.installer(world.files["ida"])
    log_in(d, people["ida"])
    # Its disk is empty: the firmware goes on to the CD, whose boot loader draws a menu by VESA.
    d.looks_like("installer-menu.png", INSTALLER_MENU, BOOT)
    d.press("ret")
    d.looks_like("installer-language.png", timeout=BOOT)
    d.press("ret")
    d.looks_like("installer-location.png")
    # The answer is seen in the next question, which proposes that country's keyboard.
    d.press("up")
    d.press("ret")
    d.looks_like("installer-keyboard.png", INSTALLER_KEYBOARDS)
    d.press("ret")
    d.looks_like("installer-no-network.png")
    d.switch_off()


class Pointer:
    """The workstation's, over a guest whose screen has a size of its own. Places are the guest's."""

    def __init__(self, d, width, height):
        self.d, self.path = d, d.w.folder / "pointer.png"
        self.scale = min(MONITOR[0] / width, MONITOR[1] / height)
        self.left, self.top = (MONITOR[0] - width * self.scale) / 2, (MONITOR[1] - height * self.scale) / 2

    def on_the_monitor(self, x, y):
        return self.left + x * self.scale, self.top + y * self.scale

    def move(self, x, y):
        place = self.on_the_monitor(x, y)
        self.d.w.qmp("input-send-event", events=[{"type": "abs", "data": {"axis": axis, "value": round(at * 32767 / (size - 1))}}
                                                 for axis, at, size in zip("xy", place, MONITOR)])

    def button(self, down):
        self.d.w.qmp("input-send-event", events=[{"type": "btn", "data": {"button": "left", "down": down}}])

    def opens_a_menu(self, x, y):
        """The desktop opens one where the pointer is, while the button is down: there the screen changes, and nowhere else."""
        self.move(x, y)
        before = self.standing_still()

        def changed():
            """Where, if it is more than a cursor."""
            now = part(self.d.picture(self.path))
            return difference(now, before) > 0.001 and ImageChops.difference(now, before).point(lambda v: 255 if v > 40 else 0).getbbox()
        self.button(True)
        wait_until(changed, STEP_TIMEOUT, "the desktop's menu", interval=0.5)
        self.standing_still()
        left, top, right, bottom = changed()
        self.button(False)
        at = self.on_the_monitor(x, y)
        assert left <= at[0] <= right and top <= at[1] <= bottom, f"pointer at {at}, its menu at {(left, top, right, bottom)}"
        assert right - left < 200 * self.scale and bottom - top < 80 * self.scale, f"more than a menu changed: {(left, top, right, bottom)}"
        wait_until(lambda: not changed(), STEP_TIMEOUT, "the end of the desktop's menu", interval=0.5)

    def standing_still(self):
        """The picture, as soon as it is the same twice."""
        last = None

        def same():
            nonlocal last
            now = part(self.d.picture(self.path))
            before, last = last, now
            return before is not None and not difference(before, now)
        wait_until(same, STEP_TIMEOUT, "a screen that stands still", interval=1)
        return last


def is_all(d, colour, box):
    """Whether that box of the screen has this colour only, more or less."""
    picture = Image.open(d.picture(d.w.folder / "colour.png")).convert("RGB").crop(box)
    return all(abs(low - wanted) < 16 and abs(high - wanted) < 16 for (low, high), wanted in zip(picture.getextrema(), colour))


def type_in_the_desktop(d, pointer, command):
    """Its terminal has the keys while the pointer is over it, which is seen at its title."""
    terminal = (*map(round, pointer.on_the_monitor(20, 20)), *map(round, pointer.on_the_monitor(268, 125)))
    pointer.move(600, 400)
    pointer.standing_still()
    before = part(d.picture(pointer.path), terminal)
    pointer.move(150, 80)
    wait_until(lambda: difference(part(d.picture(pointer.path), terminal), before) > 0.01, STEP_TIMEOUT, "the terminal under the pointer", interval=0.5)
    d.type(command, enter=True)


def test_m_a_guests_console_and_desktop_are_on_the_display_and_the_pointer_is_where_the_picture_is(display, world):
    d = display
    screenguests.desktop(world.files["dan"], "1024x768")
    log_in(d, people["dan"])
    # A framebuffer's console in the size that machine.toml has, which is smaller than the monitor.
    d.looks_like("framebuffer-console.png", CONSOLE_PROMPT, BOOT)
    d.type("desktop", enter=True)
    d.looks_like("desktop.png", timeout=BOOT)
    small = Pointer(d, 1024, 768)
    small.opens_a_menu(900, 700)
    small.opens_a_menu(512, 384)
    type_in_the_desktop(d, small, "xsetroot -solid red")
    wait_until(lambda: is_all(d, (255, 0, 0), (700, 400, 1100, 780)), STEP_TIMEOUT, "the desktop's new colour", interval=0.5)
    # Larger than the monitor.
    type_in_the_desktop(d, small, "size 1920x1080")
    wait_until(lambda: is_all(d, (255, 0, 0), (1240, 400, 1280, 700)), STEP_TIMEOUT, "the larger desktop", interval=0.5)
    large = Pointer(d, 1920, 1080)
    large.opens_a_menu(1800, 1000)
    large.opens_a_menu(960, 540)
    type_in_the_desktop(d, large, "off")
    at_the_prompt(d)
