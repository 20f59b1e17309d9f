# SPDX-License-Identifier: GPL-3.0-or-later
"""The real greeter and screen program on a pty; only the session is the test's."""
import os
import re
import signal
import struct
import subprocess
import termios
import time

import pytest

from recorded_keys import KEYS
from terminal import children, program, wait_until

HELPER_SESSION = "session"


def in_console(console):
    session = console.login()
    guest = session.console()
    console.wait("Ctrl-] always brings back the real Berth screen")
    return session, guest


def in_menu(console):
    session, guest = in_console(console)
    console.type("\x1d")
    console.wait("Berth menu")
    return session, guest


def read_until(guest, end):
    data = b""
    while not data.endswith(end):
        part = guest.recv(65536)
        assert part, data
        data += part
    return data


# --- The login screen ---

def test_login_screen_shows_host_clock_and_how_to_tell_it_from_a_guest(console):
    console.wait("User name:")
    first = console.text().splitlines()[0]
    assert first.startswith(" berth-12")
    assert re.search(r"\w{3} [ \d]\d \w{3} \d{4}  \d\d:\d\d$", first)
    console.wait("Not sure that this is Berth\\? Press Ctrl-] first")
    console.wait("Ctrl-P shut down   Ctrl-R restart")


def test_login_screen_shows_each_notice_and_takes_a_new_one_in(console):
    console.wait("User name:")
    console.facts(data="memory", clock="unsynchronised", kvm=False, network=False)
    for text in ("No network", "cannot run virtual machines: switched off", "clock may be wrong", "No data disk"):
        console.wait(text)
    console.facts()
    console.wait_gone("No data disk")


def test_attention_key_on_the_login_screen_says_that_it_is_real(console):
    console.wait("User name:")
    console.type("\x1d")
    console.wait("This is the real Berth screen")


def test_screen_adapts_to_the_terminals_size(console):
    console.wait("User name:")
    console.resize(40, 132)
    wait_until(console.text, lambda: console.text().splitlines()[0].rstrip().endswith(time.strftime(":%M")) and
               len(console.text().splitlines()[0].rstrip()) == 131)
    console.resize(10, 40)
    console.wait("User name:")


def test_serial_line_without_a_size_is_drawn_for_80_columns(make_console):
    c = make_console()
    c.resize(0, 0, signal_it=False)
    os.kill(c.process.pid, signal.SIGWINCH)
    c.type("\x0c")
    c.wait("User name:")


def test_stray_kernel_lines_are_drawn_over(console):
    console.wait("User name:")
    os.write(console.slave, b"\r\n[   12.3] usb 1-1: stray kernel line\r\n" * 5)
    console.wait("stray kernel line")
    console.wait_gone("stray kernel line")
    console.wait("^      User name:")
    assert console.text().count("User name:") == 1


def test_redraw_key_draws_at_once(console):
    console.wait("User name:")
    os.write(console.slave, b"\x1b[2J\x1b[10;10Hgarbage")
    console.wait("garbage")
    console.type("\x0c")
    console.wait_gone("garbage")


# --- Prompts ---

def test_prompts_make_the_round_trip(console):
    session = console.login("jörg")
    assert session.start["user"] == "jörg"
    assert session.start["tty"] == os.ttyname(console.slave)
    assert re.fullmatch(r"s-[0-9a-f]{8}", session.start["session"])
    mark = console.mark()
    session.send("prompt", id=1, echo=False, text="Password: ")
    console.wait("^ *Password:")
    console.type("geheim ß\r")
    assert session.receive("answer") == {"type": "answer", "id": 1, "text": "geheim ß"}
    assert b"geheim" not in console.raw(mark)
    session.send("prompt", id=2, echo=True, text="Code: ")
    console.wait("Code:")
    console.type("123")
    console.wait("Code: 123")
    console.type("\r")
    assert session.receive("answer")["text"] == "123"
    session.end("failed")


def test_messages_with_codes_stay_through_the_end_of_a_failed_login(console):
    session = console.login()
    session.send("message", style="error", text="BERTH-L01: The user name or password is wrong. Try again.")
    session.end("failed")
    console.wait("User name:")
    console.wait("BERTH-L01: The user name or password is wrong")
    second = console.login()
    console.wait_gone("BERTH-L01")
    second.end()


def test_long_messages_can_be_scrolled(console):
    session = console.login()
    for i in range(30):
        session.send("message", style="info", text=f"message number {i}.")
    console.wait("message number 29\\.")
    assert "message number 0." not in console.text()
    console.wait("PgUp/PgDn")
    console.type("\x1b[5~" * 8)
    console.wait("message number 0\\.")
    session.end()


def test_choices_are_made_by_arrow_or_digit(console):
    session = console.login()
    session.send("choice", id=3, title="Which virtual machine?", options=["office", "lab"], default=0)
    console.wait("2  lab")
    console.type("\x1b[B\r")
    assert session.receive("chosen") == {"type": "chosen", "id": 3, "index": 1}
    session.send("choice", id=4, title="Break the lock?", options=["No", "Yes"], default=0)
    console.wait("Break the lock")
    console.type("1")
    assert session.receive("chosen")["index"] == 0
    session.end()


def test_steps_are_listed_with_their_states(console):
    session = console.login()
    session.send("progress", step="locate", text="Finding your file server", state="done", index=1, of=2)
    session.send("progress", step="mount", text="Opening your files", state="doing", index=2, of=2)
    console.wait(r"Finding your file server \.+ done")
    console.wait(r"Opening your files \.+ working")
    session.send("progress", step="mount", text="Opening your files", state="failed", index=2, of=2)
    console.wait(r"Opening your files \.+ failed")
    session.end("failed")


def test_escape_gives_a_login_up(console):
    session = console.login()
    session.send("prompt", id=1, echo=False, text="Password: ")
    console.wait("^ *Password:")
    console.type("\x1b")
    session.receive("cancel")
    session.end("failed")
    console.wait("User name:")


def test_text_from_outside_cannot_control_the_terminal(console):
    session = console.login()
    mark = console.mark()
    session.send("message", style="info", text="\x1b]0;owned\x07\x1b[2Jhello\x9b31m\u202e")
    console.wait("hello")
    assert b"\x1b]0;owned" not in console.raw(mark)
    assert b"\x07" not in console.raw(mark)
    session.end()


# --- Power ---

@pytest.mark.parametrize("key, action", [("\x10", "poweroff"), ("\x12", "reboot")])
def test_power_needs_a_yes_and_a_failure_is_told(console, key, action):
    console.wait("User name:")
    console.type(key)
    console.wait("Press Y for yes, N for no")
    console.type("n")
    console.wait("User name:")
    assert console.powered() == []
    console.type(key)
    console.wait("Press Y for yes, N for no")
    console.type("y")
    console.wait("BERTH-G03")
    assert console.powered() == [action]


def test_session_may_end_with_a_power_action(console):
    session = console.login()
    session.end("done", "poweroff")
    console.wait("BERTH-G03")
    assert console.powered() == ["poweroff"]


@pytest.mark.parametrize("key, action", [("\x10", "poweroff"), ("\x12", "reboot")])
def test_power_waits_for_an_earlier_session_and_says_so(console, folder, key, action):
    (folder / "hold-settle").touch()
    console.wait("User name:")
    console.type(key)
    console.wait("Press Y for yes, N for no")
    console.type("y")
    console.wait(r"Waiting until the virtual machine of an earlier session is closed\s+and saved")
    assert console.powered() == []
    (folder / "hold-settle").unlink()
    wait_until("the power program", console.powered)
    assert console.powered() == [action]


def test_power_off_by_somebody_else_is_told_and_lets_nobody_in(console, folder):
    console.wait("User name:")
    (folder / "going-down").write_text("This workstation is going down.")
    console.wait("This workstation is going down")
    console.type("ann\r")
    console.wait("You cannot log in now")
    assert console.text().count("This workstation is going down") == 1
    assert "session" not in console.processes()
    (folder / "going-down").unlink()
    wait_until("the end of the notice and of the refusal", lambda: "going down" not in console.text() and "cannot log in" not in console.text())
    console.login().end()


# --- The guest's console ---

def test_guest_gets_the_terminal_byte_for_byte_both_ways(console):
    session, guest = in_console(console)
    assert console.ui() is None
    mark = console.mark()
    guest.sendall(b"\x1b[31mroot\x1b[0m@guest\xe2\x82\xac\r\n\x9b\x00\xff$ ")
    console.wait_raw(re.escape(b"\x1b[31mroot\x1b[0m@guest\xe2\x82\xac\r\n\x9b\x00\xff$ "), mark)
    typed = bytes(b for b in range(256) if b != 0x1d)
    console.type(typed)
    data = b""
    while len(data) < len(typed):
        data += guest.recv(4096)
    assert data == typed
    session.end()


def test_flood_from_the_guest_neither_grows_the_greeter_nor_stops_the_attention_key(console):
    session, guest = in_console(console)
    before = int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{console.process.pid}/status").read())[1])
    guest.settimeout(0.2)
    line = b"flood flood flood flood flood\r\n" * 2000
    for i in range(100):
        if i == 50:
            console.type("\x1d")
        try:
            guest.sendall(line)
        except TimeoutError:
            pass
    console.wait("Berth menu")
    after = int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{console.process.pid}/status").read())[1])
    assert after - before < 4096, "KiB"
    session.end()


def test_guest_that_does_not_read_does_not_stop_the_attention_key(console):
    session, guest = in_console(console)
    for _ in range(200):
        console.type(b"x" * 1000)
    console.type("\x1d")
    console.wait("Berth menu")
    session.end()


def test_menu_goes_back_and_shows_what_came_meanwhile(console):
    session, guest = in_menu(console)
    guest.sendall(b"said behind the menu\r\n")
    time.sleep(0.3)
    assert "said behind the menu" not in console.text()
    console.type("1")
    console.wait("back in your VM")
    console.wait("said behind the menu")
    console.type("pwd\r")
    assert read_until(guest, b"\r") == b"pwd\r"
    assert console.ui() is None
    session.end()


def test_menu_keeps_the_end_of_what_came_meanwhile(console):
    session, guest = in_menu(console)
    for i in range(20000):
        guest.sendall(b"meanwhile %d\r\n" % i)
    mark = console.mark()
    console.type("\x1b")
    console.wait("meanwhile 19999")
    assert len(console.raw(mark)) < 80 * 1024
    session.end()


@pytest.mark.parametrize("keys, action", [("2", "close"), ("3y", "force-off"), ("4", "status")])
def test_menu_hands_its_action_to_the_session(console, keys, action):
    session, guest = in_menu(console)
    console.type(keys)
    assert session.receive("vm") == {"type": "vm", "action": action}
    if action == "status":
        session.send("status", text="running; file server fs1 answers")
        console.wait("running; file server fs1 answers")
    session.send("console-end")
    console.wait_gone("Berth menu")
    session.end()
    console.wait("User name:")


def test_menu_asks_before_it_switches_the_vm_off(console):
    session, guest = in_menu(console)
    console.type("3")
    console.wait("Switch the VM off at once\\?")
    console.type("n")
    console.wait("Berth menu")
    assert session.quiet()
    session.end()


def test_menu_sends_the_attention_key_to_the_guest_and_nothing_else_does(console):
    session, guest = in_console(console)
    console.type("a\x1d")
    console.wait("Berth menu")
    console.type("5")
    console.wait("back in your VM")
    console.type("b")
    assert read_until(guest, b"b") == b"a\x1db"
    session.end()


def test_attention_key_works_however_a_guest_set_the_keyboard(console):
    session, guest = in_console(console)
    console.type("\x1b[93;5u")
    console.wait("Berth menu")
    session.end()


def test_status_stands_in_the_guests_stream_as_one_line(console):
    session, guest = in_console(console)
    guest.sendall(b"guest$ \x1b[3")
    time.sleep(0.2)
    session.send("status", text="The file server is not answering\x1b[2J\r\nx")
    time.sleep(0.2)
    guest.sendall(b"1mred")
    console.wait(r"^\[Berth: The file server is not answering\\x1b\[2J\\x0d\\x0ax\]$")
    console.wait("^red")
    session.end()


def test_question_during_the_guest_is_announced_and_asked_in_the_menu(console):
    session, guest = in_console(console)
    session.send("choice", id=9, title="The VM does not shut down.", options=["Wait", "Switch it off"], default=0)
    console.wait("Berth has a question for you: press Ctrl-]")
    console.type("\x1d")
    console.wait("The VM does not shut down")
    console.type("2")
    assert session.receive("chosen")["index"] == 1
    session.end()


def test_guest_may_come_back_on_another_descriptor(console):
    session, guest = in_console(console)
    guest.close()
    again = session.console()
    mark = console.mark()
    again.sendall(b"rebooted\r\n")
    console.wait_raw(b"rebooted", mark)
    session.end()


GARBAGE = (b"\x1b[?1049h\x1b[?1000h\x1b[?1003h\x1b[?1006h\x1b[?2004h\x1b[?1h\x1b=\x1b[4h\x1b[20h\x1b[5;10r\x1b[?6h\x1b[?7l\x1b[?5h"
           b"\x1b[?25l\x1b)0\x0e\x1b(0\x1b[7;31;44m\x1b]0;owned\x07\x1b[3g\x1b[?69h\x1b[8;5;20t\x1bP never ends \xe2\x82")


def test_terminal_is_sane_after_a_guest_left_it_wild(console):
    console.wait("User name:")
    settings = console.settings()
    first = console.text().splitlines()[2:]
    session, guest = in_console(console)
    mark = console.mark()
    guest.sendall(GARBAGE)
    console.wait_raw(b"never ends", mark)
    console.type("typed for the guest")
    session.send("console-end")
    session.end()
    console.wait("User name:")
    sent = console.raw(mark)
    for reset in (b"\x18", b"\x1bc", b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?2004l", b"\x1b[?1l", b"\x1b>", b"\x1b[4l", b"\x1b[r",
                  b"\x1b[?7h", b"\x1b[?25h", b"\x1b(B", b"\x0f", b"\x1b[0m", b"\x1b]0;Berth\x07"):
        assert reset in sent[sent.index(b"never ends"):], reset
    assert console.settings()[:4] == settings[:4]
    wait_until(console.text, lambda: console.text().splitlines()[2:] == first)
    assert "typed for" not in console.text()


def test_killed_session_gives_the_terminal_back_with_a_message_and_a_sweep(console):
    session, guest = in_console(console)
    (console.folder / "hold-sweep").touch()
    session.kill()
    session.socket.close()
    console.wait("BERTH-G01")
    console.wait("User name:")
    wait_until("the sweeper", (console.folder / "swept").exists)
    console.type("ann\r")
    console.wait("The session before yours is being cleaned up")
    assert "session" not in [program(c) for c in children(console.process.pid) if b"--sweep" not in
                             open(f"/proc/{c}/cmdline", "rb").read()]
    (console.folder / "hold-sweep").unlink()
    console.session().end()


def test_session_that_speaks_nonsense_is_closed(console):
    session, guest = in_console(console)
    session.send_raw(b'{"type":"exec","program":"/bin/sh"}')
    console.wait("The session is being closed")
    session.exit(1)
    console.wait("BERTH-G01")


def test_console_without_a_descriptor_is_nonsense_too(console):
    session = console.login()
    session.send("console", fd=True, vm="work")
    console.wait("The session is being closed")
    session.exit(1)
    console.wait("BERTH-G01")


def test_session_program_that_cannot_start_is_told(console):
    console.wait("User name:")
    (console.folder / "session").unlink()
    console.type("ann\r")
    console.wait("BERTH-G02")
    console.wait("User name:")


# --- Crashes ---

# Texts that come from a file server or a PAM module: none may reach the terminal as anything but text.
UGLY = {
    "very long": "A" * 16000,
    "very long without a space, wide": "界" * 5000,
    "a thousand lines": "line\r\n" * 1000,
    "escape sequences": "\x1b[7;13;42;1x\x1b]0;owned\x07\x1bP1;owned\x1b\\\x1b[?1049h\x1b[5;10r\x1bc\x1b[6n",
    "C1 controls": "\x9b7;13;42;1x\x9d0;owned\x9c\x90owned\x9c",
    "other controls": "".join(map(chr, range(32))) + "\x7f" + "\b" * 300 + "\x0e\x0f\x05",
    "directions and marks": "\u202eevil\u202c \u2066x\u2069 \u200b\u200d\ufeff\u00ad e" + "\u0301" * 5000,
    "beyond the first plane": "\U0001f6a2" * 2000 + "\U000e0041" * 500 + "\U0010ffff\ufffe\ud7ff",
    "formats": "%s%n%x{}{0}$(reboot)`id`\\x1b[2J\\033[2J",
    "nothing": "",
}
# What the escape sequences above would be on the wire. (A sequence of its own kind, for the screen program may use the usual ones.)
WIRE = [b"\x1b[7;13;42", b"\x1b]0;owned", b"\x1bP", b"\x1b[?1049h", b"\x1b[5;10r", b"\x1b[6n", b"\x1bc", b"\xc2\x9b", b"\xc2\x9d", b"\xc2\x90",
        b"\x9b7;13", b"\x05", b"\x0e", "\u202e".encode(), "\u2066".encode(), "\u200d".encode(), "\U000e0041".encode()]


@pytest.mark.parametrize("text", UGLY.values(), ids=[k.replace(" ", "_") for k in UGLY])
def test_no_text_of_the_session_disturbs_the_terminal_or_ends_the_screen(console, text):
    console.wait("User name:")
    screen, settings = console.ui(), console.settings()
    mark = console.mark()
    session = console.login()
    session.send("progress", step="check", text=text, state="doing", index=6, of=13)
    session.send("message", style="info", text=text)
    session.send("message", style="error", text="BERTH-C03: " + text)
    session.send("choice", id=1, title=text, options=[text[:4000], "lab", text[:100]], default=0)
    console.wait("2 +lab")
    console.type("2")
    assert session.receive("chosen") == {"type": "chosen", "id": 1, "index": 1}
    session.send("prompt", id=2, echo=True, text=text)
    console.wait("^ Enter continue +Esc cancel")
    console.type("x\r")
    assert session.receive("answer") == {"type": "answer", "id": 2, "text": "x"}
    session.send("message", style="error", text="BERTH-M99: the last one.")
    session.end("failed")
    console.wait("BERTH-M99: the last one")
    console.wait("User name:")
    assert console.text().splitlines()[0].startswith(" berth-12"), console.text()
    assert [w for w in WIRE if w in console.raw(mark)] == []
    assert (console.ui(), console.settings()) == (screen, settings)
    # And over a guest's console.
    session = console.login()
    guest = session.console(vm=text.encode()[:250].decode(errors="ignore"))
    guest.sendall(b"guest up\r\n")
    console.wait("guest up")
    mark = console.mark()
    session.send("status", text=text)
    console.wait_raw(b"\\[Berth: [^\\r\\n]*\\]\r\n", mark)
    guest.sendall(b"still here\r\n")
    console.wait("still here")
    assert [w for w in WIRE[:12] if w in console.raw(mark)] == []
    session.end()
    console.wait("User name:")
    assert console.process.poll() is None


NO_MESSAGES = {
    "no UTF-8": b'{"type":"message","style":"info","text":"\xff\xfe"}',
    "half a surrogate pair": b'{"type":"message","style":"info","text":"\\ud800"}',
    "a text of 20 kB": b'{"type":"message","style":"info","text":"' + b"A" * 20000 + b'"}',
    "60000 brackets": b"[" * 60000,
    "301 options": b'{"type":"choice","id":1,"title":"","options":[' + b'"",' * 300 + b'""]}',
    "zeros": bytes(100),
}


@pytest.mark.parametrize("frame", NO_MESSAGES.values(), ids=[k.replace(" ", "_") for k in NO_MESSAGES])
def test_a_message_that_is_none_ends_the_session_and_not_the_screen(console, frame):
    session = console.login()
    session.send_raw(frame)
    console.wait("The session is being closed")
    assert session.socket.recv(1) == b""
    session.exit(1)
    console.wait("User name:")
    console.login().end()


def test_killed_screen_comes_back_where_it_was(console):
    session = console.login()
    session.send("message", style="info", text="Your password has expired.")
    session.send("prompt", id=7, echo=False, text="New password: ")
    console.wait("New password:")
    old = console.ui()
    os.kill(old, signal.SIGKILL)
    wait_until("another screen program", lambda: console.ui() not in (None, old))
    console.wait("Your password has expired")
    console.wait("New password:")
    console.type("better\r")
    assert session.receive("answer") == {"type": "answer", "id": 7, "text": "better"}
    session.end()


def test_stopped_greeter_leaves_no_screen_program_but_the_session(console):
    session = console.login()
    ui = console.ui()
    console.process.kill()
    console.process.wait()
    wait_until("the end of the screen program", lambda: not program(ui))
    assert program(session.pid) == HELPER_SESSION
    assert session.socket.recv(1) == b""
    session.exit()
    console.start()
    console.wait("User name:")


def test_terminated_greeter_resets_the_terminal(console):
    session, guest = in_console(console)
    mark = console.mark()
    console.process.terminate()
    assert console.process.wait(20) == 0
    console.wait_raw(b"\x1bc", mark)
    assert program(session.pid) == HELPER_SESSION
    session.exit()


def test_screen_program_that_always_dies_is_retried_more_and_more_slowly(make_console):
    c = make_console(ui="/bin/false")
    time.sleep(3)
    starts = c.log.read_text().count("the screen program ended")
    assert 2 <= starts <= 6


@pytest.mark.parametrize("frame", [struct.pack(">I", 0xffffffff), struct.pack(">I", 4) + b"null", struct.pack(">I", 15) + b'{"type":"exec"}',
                                   struct.pack(">I", 16) + b'{"type":"login"}'], ids=["length", "null", "unknown", "no user"])
def test_screen_program_that_speaks_nonsense_is_ended(make_console, folder, frame):
    bad = folder / "bad-ui"
    bad.write_text(f"#!/usr/bin/python3\nimport os, time\nos.write(3, {frame!r})\ntime.sleep(1000)\n")
    bad.chmod(0o755)
    c = make_console(ui=bad)
    wait_until("its end", lambda: "the screen program ended" in c.log.read_text() and "BERTH-I03" in c.log.read_text())
    assert c.process.poll() is None


# --- The sandbox ---

def test_screen_program_holds_nothing_but_terminal_and_socket(console):
    console.wait("User name:")
    pid = console.ui()
    status = open(f"/proc/{pid}/status").read()
    assert re.search(r"NoNewPrivs:\s+1", status)
    assert re.search(r"Seccomp:\s+2", status)
    for caps in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert re.search(rf"{caps}:\s+0+$", status, re.M), caps
    if os.geteuid() == 0:
        assert not re.search(r"^Uid:\s+0", status, re.M)
        # That its memory is locked takes the unit's LimitMEMLOCK: tests/vm/test_k_console.py.
        fds = {int(n): os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}
        assert {n for n in fds if n <= 2} == {0, 1, 2}
        assert all(fds[n] == os.ttyname(console.slave) for n in (0, 1, 2)), fds
        assert len(fds) == 4 and fds[3].startswith("socket:"), fds
    assert os.getsid(pid) == pid


def test_greeter_has_no_network_library_nor_pam(build):
    linked = subprocess.run(["ldd", build / "bin/berth-greeter"], capture_output=True, text=True, check=True).stdout
    for library in ("libpam", "libnfs", "libcurl", "libvirt", "libncurses"):
        assert library not in linked


# --- No way out ---

def allowed(console, *more):
    expected = sorted(("berth-greeter-ui",) + more)
    wait_until(lambda: f"{expected}, there are {console.processes()}", lambda: console.processes() == expected)


def test_no_recorded_key_leaves_the_login_screen(console):
    console.wait("User name:")
    ui = console.ui()
    for name, keys in KEYS.items():
        if b"\r" in keys:
            continue  # Those log somebody in: below.
        console.type(keys)
        time.sleep(0.02)
        assert console.process.poll() is None, name
    console.type("\x1b")
    time.sleep(0.4)
    console.type("\x15")
    console.wait("User name:$")
    assert console.ui() == ui
    allowed(console)
    assert console.powered() == []


def test_no_recorded_key_leaves_a_password_prompt(console):
    session = console.login()
    for number, (name, keys) in enumerate(KEYS.items()):
        session.send("prompt", id=number, echo=False, text=f"Password {number}: ")
        console.wait(f"Password {number}:")
        console.type(keys)
        if b"\r" in keys or keys.endswith(b"\x1b") or keys.startswith(b"\x1b\x1b"):
            time.sleep(0.4)  # These end a prompt, and it should not be the next one.
    time.sleep(0.5)
    assert console.process.poll() is None
    allowed(console, HELPER_SESSION)
    session.exit(1)
    console.wait("User name:")


def test_no_recorded_key_leaves_the_guests_console(console):
    session, guest = in_console(console)
    for keys in KEYS.values():
        console.type(keys)
        assert read_until(guest, keys[-1:]) is not None
    assert console.processes() == [HELPER_SESSION]
    session.end()


def test_no_recorded_key_leaves_the_menu_but_back_to_the_guest(console):
    session, guest = in_menu(console)
    for name, keys in KEYS.items():
        console.type(keys)
        time.sleep(0.05)
        if console.ui() is None:
            assert b"\x1b" in keys or b"\r" in keys, name
            console.type("\x1d")
        wait_until("the menu's process", console.ui)
    assert console.process.poll() is None
    console.wait("Berth menu|Switch the VM off")
    allowed(console, HELPER_SESSION)
    session.exit(1)


def test_names_like_commands_only_start_the_session(console):
    for name in ("!sh", "/bin/sh", "-froot", "$(sh)", "root; sh"):
        session = console.login(name)
        assert session.start["user"] == name
        allowed(console, HELPER_SESSION)
        session.end("failed")
        wait_until("its end", lambda: HELPER_SESSION not in console.processes())
        console.wait("User name:")


def test_no_key_makes_a_signal(console):
    console.wait("User name:")
    iflag, oflag, cflag, lflag = console.settings()[:4]
    assert not lflag & (termios.ISIG | termios.ICANON | termios.ECHO)
    assert iflag & termios.IGNBRK and not iflag & termios.BRKINT
