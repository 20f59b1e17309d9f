# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo as README.md shows it, in a terminal of 80x24: the table's rows, and that nothing is left of it but its own folder."""
import os
import pathlib
import re
import shutil
import socket
import tempfile

import pytest

from conftest import make_all_stand_still
from greeter import BOOT_TIMEOUT, STEP_TIMEOUT, Greeter
from pictures import looks_like
from processes import wait_until
from screen import Screen
from terminal_process import TerminalProcess

NOTE = "hello from the demo"
END = 300
ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = (".git", "out/build", "out/cache", "out/log")


class Demo:
    """The demo with a folder of its own, and what a person in front of it sees."""

    def __init__(self, root, command, folder, kept):
        self.root, self.folder, self.temporary, self.kept = root, folder / "demo", folder / "tmp", kept
        self.temporary.mkdir(exist_ok=True)
        self.log = root / "out/log/demo"
        self.log.mkdir(parents=True, exist_ok=True)
        self._checkout_before = self._checkout()
        self.program = TerminalProcess([*command, self.folder], env={**os.environ, "TMPDIR": str(self.temporary), "TERM": "xterm"})
        self.modes_before = self.program.modes()
        self.screen = Screen(self.program, self.log / "console.log")
        self.greeter = Greeter(self.screen)

    def picture(self, name):
        """Keeps the screen for whoever wants to see what a user sees."""
        (self.log / f"{name}.txt").write_text(self.screen.text() + "\n")

    def wait_started(self):
        """Until the workstation is on; the address of the page that the demo names."""
        m = self.screen.wait_raw(rb"wget -q -O - (http://10\.0\.2\.2:\d+/hello)", timeout=1800)
        self.picture("start")
        return m[1].decode()

    def said(self):
        """The lines that came before the machine spoke: none may be broken in the middle of a word."""
        text = self.screen.raw().decode(errors="replace")
        return text[text.index("A virtual workstation"):text.index("Ctrl-A, x")].splitlines()

    def wait_end(self):
        return self.program.wait(END)

    def close(self):
        """Whatever happened: an ended window ends the demo."""
        try:
            self.program.close_window()
            self.wait_end()
        finally:
            self.screen.close()

    # -- what is left ---------------------------------------------------------------------------------------------------------
    def _checkout(self):
        """Names in the checkout, but for those that every build and test makes."""
        names = set()
        for folder, folders, files in os.walk(self.root):
            names |= {os.path.join(folder, n) for n in files}
            folders[:] = [n for n in folders if os.path.relpath(os.path.join(folder, n), self.root) not in self.kept and n != "__pycache__"]
        return names

    def left(self):
        """Processes, namespaces, mounts and files outside the demo's folder. Everything it starts inherits its environment."""
        left = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if f"TMPDIR={self.temporary}".encode() in (process / "environ").read_bytes().split(b"\0"):
                    left.append(f"process {process.name}: {(process / 'cmdline').read_bytes()!r}")
            except OSError:  # it has ended meanwhile
                pass
        # A mount keeps a namespace without a process, and shows it.
        left += [f"mount: {line}" for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if str(self.folder) in line]
        left += [f"file: {p}" for p in [*self.temporary.iterdir(), *(self._checkout() - self._checkout_before)]]
        return left


class DemoScreen(Demo):
    """The demo with a monitor. QEMU's own console, behind Ctrl-A c of its terminal, takes pictures and types as a VNC viewer does."""

    def wait_started(self):
        """Until the workstation is on; the port that the demo names for viewers."""
        m = self.screen.wait_raw(rb"vnc://127\.0\.0\.1:(\d+)", timeout=1800)
        self.picture("start-screen")
        return int(m[1])

    def monitor(self, *commands):
        self.screen.send(b"\x01c")
        for command in commands:
            mark = self.screen.mark()
            self.screen.type(command, enter=True)
            self.screen.wait_raw(rb"\r?\n\(qemu\) ", since=mark, timeout=60)
        self.screen.send(b"\x01c")

    def display(self, path):
        self.monitor(f"screendump {path} -f png")
        return path

    def wait_like(self, name, timeout, box=None):
        looks_like(self.display, self.temporary / name, name, timeout, box)
        (self.temporary / name).replace(self.log / name)

    def type(self, text):
        self.monitor(*(f"sendkey {c}" for c in text), "sendkey ret")


class Facts:
    """What happened, read while it did."""


@pytest.fixture(scope="module")
def demo_folder():
    """Where disks and database of the demo are kept. On a disk, and not out/demo, which belongs to whoever works here."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="berth-demo-", dir=os.environ.get("BERTH_TMP", "/var/tmp")))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def start(root, out, full, demo_folder):
    """Starts the demo: by its one command, or in the plain run, where the image has just been built, by that command's last line."""
    make_all_stand_still()
    # A build leaves its files too.
    kept = (".git", "out") if full else KEPT

    def start(kind=Demo, *options):
        if full:
            return kind(root, [root / "build-image.sh", "--demo", *options, "--demo-dir"], demo_folder, kept)
        return kind(root, [root / "image/demo/run", *options, "--image", out / "image", "--dir"], demo_folder, kept)
    return start


@pytest.fixture(scope="module")
def start_screen(start):
    return lambda: start(DemoScreen, "--screen")


@pytest.fixture(scope="module")
def first(start):
    """README's table from its first row to the last but one."""
    demo = start()
    try:
        f = Facts()
        f.demo, g, screen = demo, demo.greeter, demo.screen
        f.page_url = demo.wait_started()
        g.wait_prompt(1800)
        demo.picture("prompt")
        g.name_and_password("demo", "demo")
        screen.wait_for(r"\d  work", timeout=STEP_TIMEOUT)
        demo.picture("choice")
        f.choice = screen.text()
        g.choose("work")
        f.guest_name = g.wait_guest(BOOT_TIMEOUT)
        demo.picture("guest")
        g.guest("until ip route | grep -q default; do sleep 1; done")  # its address comes while the shell is already there
        f.page = g.guest(f"wget -q -O - {f.page_url}")
        g.guest(f"echo {NOTE} > /files/note")
        g.secure_attention()
        demo.picture("menu")
        g.back_to_the_guest()
        screen.type("", enter=True)
        screen.wait_for(r"work#\s*$", timeout=STEP_TIMEOUT)
        g.power_off_guest()
        demo.picture("prompt-again")

        g.name_and_password("demo", "demo")
        g.choose("work")
        g.wait_guest(BOOT_TIMEOUT)
        f.note = g.guest("cat /files/note")
        g.power_off_guest()

        screen.send(b"\x10")  # Ctrl-P
        screen.wait_for(r"Press Y for yes", timeout=STEP_TIMEOUT)
        demo.picture("power")
        screen.type("y")
        f.exit_code = demo.wait_end()
        demo.picture("end")
        f.last_screen = screen.text()
        f.modes_after = demo.program.modes()
        f.left = demo.left()
        yield f
    finally:
        demo.close()


def test_the_demo_offers_two_vms_to_user_demo(first):
    row = re.search(r"^\| `1` or `2`.* \| choose the virtual machine `(\w+)` or `(\w+)` \|$", (ROOT / "README.md").read_text(), re.M)
    assert re.findall(r"(\d)  (work|play)\b", first.choice) == [("1", row[1]), ("2", row[2])]
    assert first.guest_name == "work"


def test_the_demos_guest_fetches_the_page_that_the_demo_names(first):
    assert "Hello from the host" in first.page


def test_a_file_written_in_the_demo_is_there_at_the_next_login(first):
    assert NOTE in first.note


def test_switching_the_workstation_off_ends_the_demo_with_exit_code_0(first):
    assert first.exit_code == 0
    assert str(first.demo.folder) in "".join(first.last_screen.split())


def test_the_demo_leaves_nothing_but_its_folder_and_the_terminal_as_it_was(first):
    assert first.left == []
    assert first.modes_after == first.demo.modes_before


@pytest.mark.parametrize("way", ["plug", "window"])
def test_pulling_the_plug_and_closing_the_window_end_the_demo_and_leave_its_folder_only(start, first, way):
    """Over the disks that the first one left, so they must start."""
    demo = start()
    try:
        demo.wait_started()
        demo.screen.wait_for(r"SeaBIOS|iPXE", timeout=BOOT_TIMEOUT)
        assert all(len(line) < 80 for line in demo.said())
        if way == "plug":
            demo.screen.send(b"\x01x")  # Ctrl-A x
            assert demo.wait_end() == 0
        else:
            demo.program.close_window()
            assert demo.wait_end() != 0
        assert demo.left() == []
        assert demo.program.modes() == demo.modes_before
    finally:
        demo.close()


def test_the_demos_monitor_is_seen_by_vnc(start_screen):
    demo = start_screen()
    try:
        port = demo.wait_started()

        def answers():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=60) as viewer:
                    return viewer.recv(12).startswith(b"RFB 003.")
            except ConnectionRefusedError:  # it has only been named yet
                return False
        wait_until(answers, STEP_TIMEOUT, "a VNC server", interval=0.2)
        demo.screen.send(b"\x01x")
        assert demo.wait_end() == 0
        assert demo.left() == []
    finally:
        demo.close()


# What the demo's pictures are compared by: without the host's name, the time and versions.
PROMPT, CHOICE, GUEST, MENU = (360, 60, 480, 112), (360, 200, 920, 290), (0, 40, 1280, 130), (360, 60, 920, 180)


@pytest.mark.full_only  # minutes of an emulated boot from the firmware on
def test_the_demos_guest_has_the_workstations_monitor(start_screen):
    demo = start_screen()
    try:
        demo.wait_started()
        demo.wait_like("demo-prompt.png", BOOT_TIMEOUT * 2, PROMPT)
        demo.type("demo")
        demo.type("demo")
        demo.wait_like("demo-choice.png", STEP_TIMEOUT, CHOICE)
        demo.monitor("sendkey 2")
        demo.wait_like("demo-guest.png", BOOT_TIMEOUT, GUEST)
        demo.monitor("sendkey ctrl-alt-delete")
        demo.wait_like("menu.png", STEP_TIMEOUT, MENU)
    finally:
        demo.close()
