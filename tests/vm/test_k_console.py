# SPDX-License-Identifier: GPL-3.0-or-later
"""Point k: the terminal is Berth's. The secure-attention key brings its screen over any guest, a guest cannot leave the terminal in a state that
stays, and no key leads to a shell."""
import pathlib

from greeter import ASKS_NAME, ASKS_PASSWORD, STEP_TIMEOUT
from invariants import client_is_clean
from people import people
from processes import wait_until

KEYS = pathlib.Path(__file__).parent / "key-sequences"
# Alternate screen, line drawing, mouse reports, hidden cursor, reverse video, insert mode, a scroll region, application keys, colours.
WILD = rb"\033[?1049h\033(0\033[?1000h\033[?1006h\033[?2004h\033[?25l\033[?5h\033[4h\033[5;7r\033[?1h\033=\033[31;44;5m\033[?6h\016"


def test_k_secure_attention_shows_berth_over_a_running_guest_and_its_menu_works(desk):
    g, screen = desk.greeter, desk.screen
    g.login(people["sam"])
    # A guest that paints a login screen is found out by the key.
    g.guest(r"printf '\033[2J\033[HUser name: '")
    g.secure_attention()
    g.menu("status")
    screen.wait_for(r"running since \d{4}-", timeout=STEP_TIMEOUT)
    g.back_to_the_guest()
    assert "still-here" in g.guest("echo still-$(echo here)")
    # Ctrl-] itself reaches a guest through the menu only.
    screen.type("cat -v", enter=True)
    g.secure_attention()
    g.back_to_the_guest("send-key")
    mark = screen.mark()
    screen.send(b"\r")
    screen.wait_raw(rb"\^\]", since=mark, timeout=STEP_TIMEOUT)
    screen.send(b"\x03")
    g.secure_attention()
    g.menu("close")
    g.wait_prompt(STEP_TIMEOUT)
    client_is_clean(desk.agent)


def test_k_what_is_typed_at_the_prompt_is_in_memory_that_no_swap_disk_sees(desk):
    locked, size = (int(desk.agent(f"sed -n 's/^{name}:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/$(pidof berth-greeter-ui)/status")) for name in ("VmLck", "VmSize"))
    assert 0 < locked <= size
    # All but what cannot be locked (vsyscall, vvar).
    assert size - locked < 1024


def test_k_force_off_ends_a_guest_that_does_not_listen(desk):
    g = desk.greeter
    g.login(people["bea"])
    desk.screen.type("exec sleep 100000", enter=True)
    g.secure_attention()
    g.menu("force-off")
    desk.screen.wait_for(r"Press Y for yes", timeout=STEP_TIMEOUT)
    desk.screen.type("y")
    g.wait_prompt(STEP_TIMEOUT)
    client_is_clean(desk.agent)


def test_k_the_terminal_is_reset_after_a_guest_that_left_it_wild(desk):
    g, screen = desk.greeter, desk.screen
    g.login(people["wil"])
    mark = screen.mark()
    g.screen.type(f"printf '{WILD.decode()}'; poweroff", enter=True)
    screen.wait_raw(rb"\x1b\[\?1000h", since=mark, timeout=STEP_TIMEOUT)
    g.wait_prompt(STEP_TIMEOUT)
    wild = screen.raw(mark).rindex(b"\x1b[?6h")
    after = screen.raw(mark)[wild:]
    for sequence in (b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?1006l", b"\x1b[?2004l", b"\x1b[?25h"):
        assert sequence in after, f"{sequence!r} was never sent after the guest"
    terminal = screen.terminal
    assert terminal.margins is None or (terminal.margins.top, terminal.margins.bottom) == (0, terminal.lines - 1)
    assert not terminal.mode & {4, 5 << 5, 6 << 5}, f"modes left: {terminal.mode}"  # insert, reverse video, origin
    # And it is a terminal that works: the name typed stands where it is asked for.
    screen.type("typed-after")
    screen.wait_for(rf"{ASKS_NAME} typed-after", timeout=STEP_TIMEOUT)
    client_is_clean(desk.agent)


def sequences():
    for line in KEYS.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.encode().decode("unicode_escape").encode("latin-1")


def back_at_the_name(desk):
    """Gives up whatever the keys began, until the screen asks for a name that is still empty."""
    desk.screen.send(b"\x1b")
    try:
        desk.screen.wait_for(rf"(?m){ASKS_NAME}\s*$", timeout=5)
        return True
    except AssertionError:
        return False


def processes(agent):
    """Names of everything with a terminal; the agent's own children have none."""
    return sorted(set(agent(r"for p in /proc/[0-9]*; do t=$(cut -d' ' -f7 $p/stat 2>/dev/null); [ ${t:-0} = 0 ] || cat $p/comm; done").split()))


def test_k_no_recorded_key_sequence_reaches_a_shell_on_the_serial_line(desk):
    before = processes(desk.agent)
    greeter = desk.agent("pidof berth-greeter")
    for keys in sequences():
        desk.screen.send(keys)
    # BREAK and a letter is the kernel's own key on a serial line: b would restart, f kill, k end everything on the terminal.
    for letter in b"fkb":
        desk.machine.qmp("chardev-send-break", id="console")
        desk.screen.send(bytes([letter]))
    desk.screen.send(b"\x7f" * 300)
    wait_until(lambda: back_at_the_name(desk), STEP_TIMEOUT, "the name prompt again")
    assert processes(desk.agent) == before
    # A shell or a prompt of any kind would answer this.
    mark = desk.screen.mark()
    desk.screen.type("echo shell-$((6*7))")
    desk.screen.wait_for(r"User name: echo shell-\$\(\(6\*7\)\)", timeout=STEP_TIMEOUT)
    desk.screen.type("", enter=True)
    desk.screen.wait_for(ASKS_PASSWORD, timeout=STEP_TIMEOUT)
    assert b"shell-42" not in desk.screen.raw(mark)
    assert desk.agent("pidof berth-greeter") == greeter
    assert not [j for j in desk.agent("systemctl --no-legend list-jobs").split("\n") if "target" in j]


CHORDS = [("ctrl", "alt", "delete"), *[("ctrl", "alt", f"f{n}") for n in range(1, 13)], *[("alt", f"f{n}") for n in range(1, 13)],
          ("alt", "left"), ("alt", "right"), ("alt", "up"), ("alt", "sysrq", "r"), ("alt", "sysrq", "e"), ("alt", "sysrq", "k"), ("alt", "sysrq", "b"),
          ("ctrl", "alt", "backspace"), ("ctrl", "c"), ("ctrl", "d"), ("ctrl", "z"), ("ctrl", "backslash"), ("shift", "pgup"), ("ctrl", "scroll_lock")]


def caps_lock_is_shown(w):
    """Before a password goes wrong; only a keyboard can tell, not a serial line."""
    for key in ("s", "a", "m", "ret"):
        w.qmp.keys(key)
    w.wait_virtual_terminal(ASKS_PASSWORD)
    assert "Caps Lock" not in w.virtual_terminal()
    w.qmp.keys("caps_lock")
    w.qmp.keys("x")
    w.wait_virtual_terminal(r"Caps Lock is on\.")
    w.qmp.keys("caps_lock")
    w.qmp.keys("x")
    wait_until(lambda: "Caps Lock" not in w.virtual_terminal(), STEP_TIMEOUT, "the hint gone")


def test_k_no_key_of_the_keyboard_leaves_the_greeter_on_the_graphical_console(world, machine):
    w = machine("vt", console="tty1")
    w.set_boot(world.direct(w))
    w.power_on()
    w.agent("true", timeout=600)
    w.wait_virtual_terminal(ASKS_NAME, timeout=600)
    w.agent("systemctl is-system-running --wait || true", timeout=600)
    before, greeter, boot = processes(w.agent), w.agent("pidof berth-greeter"), w.agent("cat /proc/sys/kernel/random/boot_id")
    for chord in CHORDS:
        w.qmp.keys(*chord)
    assert w.agent("cat /sys/class/tty/tty0/active").strip() == "tty1"
    assert processes(w.agent) == before
    assert w.agent("pidof berth-greeter") == greeter
    assert w.agent("cat /proc/sys/kernel/random/boot_id") == boot
    w.wait_virtual_terminal(ASKS_NAME)
    caps_lock_is_shown(w)
