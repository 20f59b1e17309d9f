# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person does at the greeter, and what its screen says. The words are here only."""
import re

ASKS_NAME = r"User name:"
ASKS_PASSWORD = r"Password:"
GUEST_READY = r"This is the virtual machine ([\w-]+)\."
BOOT_TIMEOUT = 600
STEP_TIMEOUT = 240
SECURE_ATTENTION = b"\x1d"
MENU = r"Berth menu"
MENU_ROWS = ("back", "close", "force-off", "status", "send-key")


class Greeter:
    def __init__(self, screen):
        self.screen = screen

    def wait_prompt(self, timeout=BOOT_TIMEOUT):
        return self.screen.wait_for(ASKS_NAME, timeout=timeout)

    def name_and_password(self, name, password):
        self.wait_prompt(STEP_TIMEOUT)
        self.screen.type(name, enter=True)
        self.screen.wait_for(ASKS_PASSWORD, timeout=STEP_TIMEOUT)
        self.screen.type(password, enter=True)

    def choose(self, text, timeout=STEP_TIMEOUT):
        """Picks the row that shows `text` by its number."""
        m = self.screen.wait_for(rf"(\d)  {text}", timeout=timeout)
        self.screen.type(m[1])

    def login(self, person, vm=None):
        """To the guest's shell."""
        self.name_and_password(person.name, person.password)
        if len(person.vms) > 1:
            self.choose(re.escape(vm))
        return self.wait_guest()

    def wait_guest(self, timeout=STEP_TIMEOUT * 2):
        m = self.screen.wait_for(GUEST_READY, r"BERTH-[A-Z]\d\d.*", timeout=timeout)
        assert m[0].startswith("This is"), f"instead of the guest:\n{self.screen.text()}"
        self.screen.wait_for(rf"(?m)^{m[1]}# $|{m[1]}#\s*$", timeout=timeout)
        return m[1]

    def guest(self, command, timeout=STEP_TIMEOUT):
        """Types a command at the guest's shell; its output, once it has ended. The end mark is computed by the guest, so the echo of
        what was typed is never taken for it."""
        mark = self.screen.mark()
        self.screen.type(f"{command}; echo end-$((40+2))-$?", enter=True)
        m = self.screen.wait_raw(rb"end-42-(\d+)", since=mark, timeout=timeout)
        text = self.screen.raw(mark).decode(errors="replace")
        text = text[:text.index("end-42-")]
        assert m[1] == b"0", f"in the guest: {command}: exit code {m[1].decode()}\n{text}"
        return text

    def power_off_guest(self):
        self.screen.type("poweroff", enter=True)
        self.wait_prompt(STEP_TIMEOUT)

    def secure_attention(self):
        self.screen.send(SECURE_ATTENTION)
        self.screen.wait_for(MENU, timeout=STEP_TIMEOUT)

    def back_to_the_guest(self, action="back"):
        mark = self.screen.mark()
        self.menu(action)
        self.screen.wait_raw(rb"back in your VM", since=mark, timeout=STEP_TIMEOUT)  # what is typed before belongs to the menu

    def menu(self, action):
        self.screen.type(str(MENU_ROWS.index(action) + 1))
