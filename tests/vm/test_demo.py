# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo in a terminal of 80x24: it says what to type, its workstation starts, and nothing is left of it but its own folder."""
import os
import pathlib
import shutil
import tempfile

import pytest

from conftest import make_all_stand_still
from greeter import BOOT_TIMEOUT
from screen import Screen
from terminal_process import TerminalProcess

END = 300
KEPT = (".git", "out/build", "out/cache", "out/log")


class Demo:
    """The demo with a folder of its own, and what a person in front of it sees."""

    def __init__(self, root, command, folder):
        self.root, self.folder, self.temporary = root, folder / "demo", folder / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self.log = root / "out/log/demo"
        self.log.mkdir(parents=True, exist_ok=True)
        self._checkout_before = self._checkout()
        self.program = TerminalProcess([*command, self.folder], env={**os.environ, "TMPDIR": str(self.temporary), "TERM": "xterm"})
        self.modes_before = self.program.modes()
        self.screen = Screen(self.program, self.log / "console.log")

    def picture(self, name):
        """Keeps the screen for whoever wants to see what a user sees."""
        (self.log / f"{name}.txt").write_text(self.screen.text() + "\n")

    def wait_started(self):
        """Until the workstation is on; the address of the page that the demo names."""
        m = self.screen.wait_raw(rb"wget -q -O - (http://10\.0\.2\.2:\d+/metrics)", timeout=1800)
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
            folders[:] = [n for n in folders if os.path.relpath(os.path.join(folder, n), self.root) not in KEPT and n != "__pycache__"]
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
    command = [root / "build-image.sh", "--demo", "--demo-dir"] if full else [root / "image/demo/run", "--image", out / "image", "--dir"]
    return lambda: Demo(root, command, demo_folder)


@pytest.mark.parametrize("way", ["plug", "window"])
def test_pulling_the_plug_and_closing_the_window_end_the_demo_and_leave_its_folder_only(start, way):
    """The second one starts over the disks that the first one left."""
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
