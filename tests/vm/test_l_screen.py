# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest's screen on the workstation's own display, and the chord that always brings Berth back."""
import base64
import gzip
import re

from greeter import ASKS_NAME, ASKS_PASSWORD, STEP_TIMEOUT
from invariants import client_is_clean
from people import people
from pictures import difference, looks_like, part
from processes import LabError, wait_until

GUS = people["gus"]
WORDS = (0, 0, 1280, 60)  # where Berth's words are over a guest
MENU = (360, 60, 920, 180)
SHELL = (0, 40, 320, 140)  # small, so that a line of older text beneath the prompt is more than one pixel in a hundred


class Display:
    """What a person sees and does at a workstation with a monitor, a keyboard and a pointer."""

    def __init__(self, w):
        self.w = w

    def in_front(self):
        return self.w.agent("cat /sys/class/tty/tty0/active").strip()

    def wait_in_front(self, terminal, timeout=STEP_TIMEOUT):
        wait_until(lambda: self.in_front() == terminal, timeout, f"{terminal} in front", interval=0.5)

    def press(self, *keys):
        self.w.qmp.keys(*keys)

    def type(self, text, enter=False):
        names = {" ": "spc", "-": "minus", "/": "slash", ".": "dot", "=": "equal"}
        for c in text:
            if c == ">":
                self.press("shift", "dot")
            else:
                self.press(names.get(c, c))
        if enter:
            self.press("ret")

    def journal(self, pattern):
        code, text = self.w.agent.ask(f"journalctl -b --no-pager -o cat | grep -cE '{pattern}'")
        return int(text or 0)

    def wait_journal(self, pattern, timeout=STEP_TIMEOUT):
        wait_until(lambda: self.journal(pattern), timeout, f"{pattern} in the journal", interval=0.5)

    def frames(self):
        """How many first frames of guests have been on the screen."""
        return self.journal("first frame is on the screen")

    def login(self, person):
        self.w.wait_virtual_terminal(ASKS_NAME, timeout=600)
        self.type(person.name, enter=True)
        self.w.wait_virtual_terminal(ASKS_PASSWORD)
        self.type(person.password, enter=True)

    def login_to_the_first_frame(self, person):
        before = self.frames()
        self.login(person)
        wait_until(lambda: self.frames() > before, 600, "the guest's first frame", interval=1)

    def to_the_menu(self):
        self.press("ctrl", "alt", "delete")
        self.wait_in_front("tty1", 60)
        self.w.wait_virtual_terminal("Berth menu")

    def switch_off(self):
        """By the chord and the menu, for a guest that does not listen."""
        self.to_the_menu()
        self.press("3")
        self.w.wait_virtual_terminal("Press Y for yes")
        self.press("y")
        self.wait_in_front("tty1")
        self.w.wait_virtual_terminal(ASKS_NAME)
        client_is_clean(self.w.agent)

    def guest_text(self):
        """All of the guest's VGA text memory, by QEMU's look into it: what it shows, and what has scrolled away."""
        said = self.w.agent("""rm -f /tmp/vga; virsh -q qemu-monitor-command --hmp $(virsh -q list --name) 'pmemsave 0xb8000 0x7d00 "/tmp/vga"' >/dev/null &&
            gzip -c /tmp/vga | base64 -w 0""")
        text = "".join(chr(c) if 32 <= c < 127 else " " for c in gzip.decompress(base64.b64decode(said))[::2])
        return "\n".join(text[i:i + 80].rstrip() for i in range(0, len(text), 80))

    def wait_guest_text(self, pattern, timeout=STEP_TIMEOUT):
        try:
            wait_until(lambda: re.search(pattern, self.guest_text()), timeout, f"{pattern} on the guest's screen", interval=1)
        except LabError as e:
            raise AssertionError(f"{e}. It shows:\n{self.guest_text()}") from None

    def wait_keys_reach_the_guest(self):
        """Behind a switch of terminals the compositor has its devices a moment later."""
        def a_new_prompt():
            before = self.guest_text().count("window#")
            self.press("ret")
            return wait_until(lambda: self.guest_text().count("window#") > before, 5, "a new prompt", interval=0.5)

        def look():
            try:
                return a_new_prompt()
            except LabError:
                return False
        wait_until(look, STEP_TIMEOUT, "a key in the guest", interval=0.5)

    def picture(self, path):
        self.w.qmp("screendump", filename=str(path), format="png")
        return path

    def looks_like(self, name, box=None, timeout=STEP_TIMEOUT):
        looks_like(self.picture, self.w.folder / name, name, timeout, box)

    def wait_changed(self, box, timeout=STEP_TIMEOUT):
        """Until that box of the screen is not as it was."""
        path = self.w.folder / "changed.png"
        before = part(self.picture(path), box)
        wait_until(lambda: difference(part(self.picture(path), box), before) > 0.01, timeout, f"a change at {box}", interval=1)


def shell_on_the_screen(d):
    """The guest's shell, and nothing else on its screen."""
    d.wait_guest_text(r"(?m)^window#$", STEP_TIMEOUT * 2)
    d.type("clear", enter=True)
    wait_until(lambda: "BusyBox" not in d.guest_text(), STEP_TIMEOUT, "a clear screen", interval=1)


def from_menu_to_guest(d):
    d.press("1")
    d.wait_in_front("tty2", 30)
    d.wait_keys_reach_the_guest()


def the_chord_is_taken_of_ten_keyboards_in_each_layout_while_a_key_is_held(d):
    w = d.w
    taken = d.journal("keyboard taken")
    w.qmp("device_add", driver="usb-hub", id="hub", port="4")
    for n in range(1, 9):
        w.qmp("device_add", driver="usb-kbd", id=f"more{n}", port=f"4.{n}")
    wait_until(lambda: d.journal("keyboard taken") == taken + 8, STEP_TIMEOUT, "ten keyboards, with the PS/2 one", interval=0.5)
    held = {"type": "qcode", "data": "a"}
    w.qmp("input-send-event", events=[{"type": "key", "data": {"down": True, "key": held}}])
    for layout in ("de", "fr", "dvorak", "us"):
        w.agent(f"loadkeys -C /dev/tty1 {layout}")
        d.press("ctrl", "alt", "esc")
        d.wait_in_front("tty1", 30)
        d.press("esc")
        d.wait_in_front("tty2", 30)
    w.qmp("input-send-event", events=[{"type": "key", "data": {"down": False, "key": held}}])
    gone = d.journal("keyboard gone")
    w.qmp("device_del", id="hub")
    wait_until(lambda: d.journal("keyboard gone") == gone + 8, STEP_TIMEOUT, "the keyboards gone", interval=0.5)
    d.wait_keys_reach_the_guest()


def levels(w):
    return w.agent("/usr/libexec/berth/berth-levels").strip()


def sound_driver(w, what):
    """Of the Intel HDA card, whose driver leaves it silent."""
    w.agent(f"d=/sys/bus/pci/drivers/snd_hda_intel; f=/run/hda; [ -e $f ] || (cd $d && ls -d 0*) >$f; cat $f >$d/{what}")
    wait_until(lambda: (w.agent.ask("test -e /dev/snd/controlC0")[0] == 0) == (what == "bind"), STEP_TIMEOUT, f"the sound card after {what}", interval=0.5)


def a_card_that_comes_silent_is_set_on(d):
    w = d.w
    assert levels(w) == "volume 70 %"
    w.agent("/usr/libexec/berth/berth-levels mute")
    sound_driver(w, "unbind")
    w.agent("udevadm control --stop-exec-queue")
    try:
        sound_driver(w, "bind")
        assert levels(w) == "volume off (0 %)"
    finally:
        w.agent("udevadm control --start-exec-queue")
    wait_until(lambda: levels(w) == "volume 70 %", STEP_TIMEOUT, "the card's volume", interval=0.5)
    sound_driver(w, "unbind")


def the_menu_turns_the_volume_of_a_card_that_is_plugged_in(d):
    w = d.w
    w.qmp("device_add", driver="usb-audio", id="card", audiodev="sound")
    wait_until(lambda: w.agent.ask("test -e /dev/snd/controlC0")[0] == 0, STEP_TIMEOUT, "a sound card", interval=0.5)
    d.press("ctrl", "alt", "delete")
    d.wait_in_front("tty1", 30)
    w.wait_virtual_terminal(r"6  Volume: \d+ %")
    d.press("6")
    w.wait_virtual_terminal("Left/Right change   Enter mute")
    d.press("left")  # an Enter right behind a digit belongs to the digit
    d.press("left")
    w.wait_virtual_terminal("Volume: 85 %")
    d.press("ret")
    w.wait_virtual_terminal(r"Volume: off \(85 %\)")
    d.press("right")
    w.wait_virtual_terminal("Volume: 90 %")
    assert w.agent("/usr/libexec/berth/berth-levels").split() == ["volume", "90", "%"]
    w.qmp("device_del", id="card")
    wait_until(lambda: w.agent.ask("test -e /dev/snd/controlC0")[0] != 0, STEP_TIMEOUT, "no sound card", interval=0.5)
    from_menu_to_guest(d)


def test_l_the_guests_screen_takes_the_display_and_the_chord_brings_berth_back(display, world):
    d, w = display, display.w
    w.wait_virtual_terminal(r"Press Ctrl\+Alt\+Del first", timeout=60)
    d.press("ctrl", "alt", "delete")
    w.wait_virtual_terminal("This is the real Berth screen")
    d.login(GUS)
    d.wait_in_front("tty2")
    d.wait_journal("first frame is on the screen", timeout=600)
    shell_on_the_screen(d)
    d.looks_like("guest-shell.png", SHELL)
    # The chord is Berth's: a guest that got it would restart.
    d.press("ctrl", "alt", "delete")
    d.wait_in_front("tty1", 30)
    w.wait_virtual_terminal(r"Berth menu[\s\S]*Send Ctrl\+Alt\+Del to the VM")
    d.looks_like("menu.png", MENU)
    from_menu_to_guest(d)
    d.type("echo typed-on-the-screen", enter=True)
    d.wait_guest_text(r"(?m)^typed-on-the-screen$")
    a_card_that_comes_silent_is_set_on(d)
    the_menu_turns_the_volume_of_a_card_that_is_plugged_in(d)
    the_chord_is_taken_of_ten_keyboards_in_each_layout_while_a_key_is_held(d)
    # Berth's words come over the guest, and go.
    world.file_server.pause()
    try:
        d.wait_changed(WORDS)
    finally:
        world.file_server.resume()
    d.type("poweroff", enter=True)
    d.wait_in_front("tty1")
    w.wait_virtual_terminal(ASKS_NAME)
    client_is_clean(w.agent)
    assert w.agent.ask("systemctl is-active berth-screen.service")[0] != 0
    assert not w.agent("ls /run/berth/screen 2>/dev/null || true").strip()


def test_l_a_compositor_that_hangs_is_begun_anew_and_one_that_fails_again_gives_way_to_the_serial_line(display):
    d, w = display, display.w
    d.login_to_the_first_frame(GUS)
    before = d.frames()
    shell_on_the_screen(d)
    guest = w.agent("virsh -q list --name").strip()
    w.agent("kill -STOP $(pidof cage)")
    d.press("ctrl", "alt", "esc")
    d.wait_in_front("tty1", 30)
    w.wait_virtual_terminal("Berth menu")
    d.press("1")
    wait_until(lambda: d.frames() > before, STEP_TIMEOUT, "the running guest's picture again", interval=1)
    assert d.in_front() == "tty2"
    d.wait_keys_reach_the_guest()
    d.type("echo still-here", enter=True)
    d.wait_guest_text(r"(?m)^still-here$")
    w.agent("kill -KILL $(pidof berth-screen)")
    d.wait_in_front("tty1", 60)
    w.wait_virtual_terminal("The screen failed")
    assert w.agent("virsh -q list --name").strip() == guest
    d.type("echo on-the-serial-line", enter=True)
    w.wait_virtual_terminal(r"(?m)^on-the-serial-line$")
    d.type("poweroff", enter=True)
    w.wait_virtual_terminal(ASKS_NAME)
    client_is_clean(w.agent)


# A client of seatd's, in the compositor's place: takes the seat, and prints which of the devices that it was told it got.
ASK_SEATD = r"""
use strict; use Socket;
my ($path, @devices) = @ARGV;
alarm 10;
socket(my $seat, AF_UNIX, SOCK_STREAM, 0) or die; connect($seat, pack_sockaddr_un($path)) or die "connect: $!\n";
sub message {
    my ($head, $body) = ("", "");
    sysread($seat, $head, 4) == 4 or die "seatd is gone\n";
    my ($what, $size) = unpack("SS", $head);
    sysread($seat, $body, $size) if $size;
    return $what;
}
syswrite($seat, pack("SS", 1, 0));
until (message() == 0x8006) {}
for (@devices) {
    syswrite($seat, pack("SSSZ*", 3, 3 + length, 1 + length, $_));
    my $what = 0;
    $what = message() until $what == 0x8003 or $what == 0xffff;
    print "$_\n" if $what == 0x8003;
}
"""
# Which terminal is in front, without berth-greeter: VT_UNLOCKSWITCH, VT_ACTIVATE, VT_WAITACTIVE, VT_LOCKSWITCH.
BRING_TO_FRONT = """perl -e 'open(my $t, "+<", "/dev/tty1") or die; ioctl($t, $_->[0], $_->[1]) for [0x560C, 1], [0x5606, {0}], [0x5607, {0}], [0x560B, 1]'"""


def input_devices(w):
    """Phys and name of each /dev/input/event*."""
    said = w.agent("for e in /sys/class/input/event*; do echo ${e##*/} $(cat $e/device/phys) / $(cat $e/device/name); done")
    return {f"/dev/input/{line.split()[0]}": line.split(" ", 1)[1] for line in said.splitlines()}


def test_l_who_asks_seatd_for_a_keyboard_in_the_compositors_place_gets_its_clone_only(display):
    w = display.w
    devices = input_devices(w)
    w.agent(f"{BRING_TO_FRONT.format(2)} && systemctl start berth-seat.service && cat >/tmp/ask.pl <<'END'\n{ASK_SEATD}\nEND")
    try:
        got = w.agent("setpriv --reuid=_berth-screen --regid=_berth-screen --init-groups perl /tmp/ask.pl /run/berth-seat/seatd.sock "
                      f"{' '.join(devices)} /dev/dri/card0 /dev/tty2 /dev/hidraw0").split()
    finally:
        w.agent(f"systemctl stop berth-seat.service; {BRING_TO_FRONT.format(1)}")
    kinds = {device: "clone" if name.startswith("berth / ") else "keyboard" if "eyboard" in name else "pointer" if "Tablet" in name or "Mouse" in name else "other"
             for device, name in devices.items()}
    assert {"clone", "keyboard", "pointer", "other"} == set(kinds.values()), devices
    assert sorted(got) == sorted([device for device, kind in kinds.items() if kind in ("clone", "pointer")] + ["/dev/dri/card0"])


def test_l_the_chord_is_the_sites_and_the_default_one_with_a_file_that_is_wrong(display):
    d, w = display, display.w

    def configure(chords):
        # One that stays the same file is mounted over the site's.
        w.agent("[ -e /run/site.toml ] || { cp /etc/berth/berth.toml /run/site.toml && touch /run/berth.toml && mount --bind /run/berth.toml /etc/berth/berth.toml; }")
        w.agent(f"{{ cat /run/site.toml; printf '[attention]\\nchords = \"{chords}\"\\n'; }} >/run/berth.toml && systemctl restart berth-greeter.service")
    try:
        configure("Ctrl+Alt+End, Alt+Meta+F9")
        w.wait_virtual_terminal(r"Press Ctrl\+Alt\+End first", timeout=60)
        d.press("alt", "meta_l", "f9")
        w.wait_virtual_terminal("This is the real Berth screen")
        configure("Ctrl+Alt+A")
        w.wait_virtual_terminal(r"Press Ctrl\+Alt\+Del first", timeout=60)
        d.wait_journal("the default chords are in force.*line [0-9]+: attention.chords")
        d.press("ctrl", "alt", "delete")
        w.wait_virtual_terminal("This is the real Berth screen")
    finally:
        w.agent("umount /etc/berth/berth.toml; rm -f /run/site.toml /run/berth.toml; systemctl restart berth-greeter.service")
        w.wait_virtual_terminal(ASKS_NAME, timeout=60)


def is_begun_anew(d, fault):
    """Whatever ends of the guest's screen the first time: the running guest has it again, and the keys."""
    guest, before = d.w.agent("virsh -q list --name"), d.frames()
    d.w.agent(fault)
    wait_until(lambda: d.frames() > before, STEP_TIMEOUT, f"the running guest's picture again after {fault}", interval=1)
    assert d.in_front() == "tty2"
    assert d.w.agent("virsh -q list --name") == guest


def test_l_keyboards_that_were_unplugged_have_the_chord_again_and_a_greeter_that_is_killed_leaves_no_guest_in_front(display):
    d, w = display, display.w
    d.login_to_the_first_frame(GUS)
    is_begun_anew(d, "kill -KILL $(pidof seatd)")
    guest = w.agent("virsh -q list --name").strip()
    taken, gone = (d.journal(f"keyboard {what}") for what in ("taken", "gone"))
    w.unplug_keyboard()
    w.agent("echo -n serio0 >/sys/bus/serio/drivers/atkbd/unbind")
    wait_until(lambda: d.journal("keyboard gone") == gone + 2, STEP_TIMEOUT, "all keyboards gone", interval=0.5)
    w.plug_keyboard()
    w.agent("echo -n serio0 >/sys/bus/serio/drivers/atkbd/bind")
    wait_until(lambda: d.journal("keyboard taken") == taken + 2, STEP_TIMEOUT, "the keyboards taken again", interval=0.5)
    d.to_the_menu()
    d.press("1")
    d.wait_in_front("tty2", 60)
    assert w.agent("virsh -q list --name").strip() == guest

    d.wait_guest_text(r"(?m)^window#$", STEP_TIMEOUT * 2)  # one that still boots hears no power button
    session = w.agent("pidof berth-session").strip()
    w.agent("kill -KILL $(systemctl show -P MainPID berth-greeter.service)")
    d.wait_in_front("tty1")
    w.wait_virtual_terminal(ASKS_NAME)
    # The guest had the keys last; now they are Berth's.
    wait_until(lambda: d.journal("keyboard taken") == taken + 4, STEP_TIMEOUT, "the keyboards taken again", interval=0.5)
    d.press("ctrl", "alt", "delete")
    w.wait_virtual_terminal("This is the real Berth screen")
    wait_until(lambda: w.agent.ask("systemctl is-active berth-screen.service berth-seat.service")[0] != 0, 60, "the guest's screen gone", interval=0.5)
    # Its session closes the guest by its power button and ends cleanly.
    wait_until(lambda: session not in w.agent("pidof berth-session || true").split(), 240, "the session's end", interval=1)
    client_is_clean(w.agent)


def connector(w):
    return w.agent("cat /sys/class/drm/card*-*/status 2>/dev/null || true").strip()


def unplug(d):
    d.w.monitor().unplug()
    wait_until(lambda: connector(d.w) == "disconnected", STEP_TIMEOUT, "no monitor", interval=0.5)


def plug(d):
    d.w.monitor().plug()
    wait_until(lambda: connector(d.w) == "connected", STEP_TIMEOUT, "a monitor", interval=0.5)


def test_l_a_monitor_that_was_unplugged_has_the_picture_again_and_the_chord_works_meanwhile(display):
    d, w = display, display.w
    d.login_to_the_first_frame(GUS)
    shell_on_the_screen(d)
    before, guest = d.frames(), w.agent("virsh -q list --name")
    unplug(d)
    d.to_the_menu()
    from_menu_to_guest(d)
    d.type("clear", enter=True)
    plug(d)
    d.looks_like("guest-shell.png", SHELL)
    # Out and in while the menu is in front.
    d.to_the_menu()
    unplug(d)
    plug(d)
    d.looks_like("menu.png", MENU)
    from_menu_to_guest(d)
    d.type("clear", enter=True)
    d.looks_like("guest-shell.png", SHELL)
    assert (d.frames(), w.agent("virsh -q list --name")) == (before, guest), "compositor or guest was begun anew"
    # A guest ends without a monitor as with one.
    unplug(d)
    d.type("poweroff", enter=True)
    d.wait_in_front("tty1")
    w.wait_virtual_terminal(ASKS_NAME)
    client_is_clean(w.agent)
    plug(d)
    w.wait_virtual_terminal(ASKS_NAME)


def display_driver(w, what):
    w.agent(f"echo $(cd /sys/bus/virtio/devices && grep -l '^0x0010$' */device | cut -d/ -f1) >/sys/bus/virtio/drivers/virtio_gpu/{what}")


def test_l_a_display_driver_that_goes_leaves_the_serial_line_and_one_that_comes_again_brings_the_guest(display):
    d, w = display, display.w
    d.login_to_the_first_frame(GUS)
    shell_on_the_screen(d)
    guest = w.agent("virsh -q list --name")
    display_driver(w, "unbind")
    d.wait_in_front("tty1")
    w.wait_virtual_terminal("The screen failed")
    assert w.agent("virsh -q list --name") == guest
    d.type("echo on-the-serial-line", enter=True)
    w.wait_virtual_terminal(r"(?m)^on-the-serial-line$")
    d.press("ctrl", "alt", "delete")
    w.wait_virtual_terminal("Berth menu")
    display_driver(w, "bind")
    d.looks_like("menu.png", MENU)
    d.press("1")
    w.wait_virtual_terminal("back in your VM")
    d.type("poweroff", enter=True)
    w.wait_virtual_terminal(ASKS_NAME)
    client_is_clean(w.agent)

    # The next guest has the display that came back. Away while the menu is in front, the compositor is begun anew when its user goes back.
    d.login_to_the_first_frame(GUS)
    shell_on_the_screen(d)
    gone, before, guest = d.journal("its display is gone"), d.frames(), w.agent("virsh -q list --name")
    d.to_the_menu()
    display_driver(w, "unbind")
    wait_until(lambda: d.journal("its display is gone") > gone, STEP_TIMEOUT, "the display gone", interval=0.5)
    assert "Berth menu" in w.virtual_terminal()
    display_driver(w, "bind")
    d.looks_like("menu.png", MENU)
    d.press("1")
    wait_until(lambda: d.frames() > before, STEP_TIMEOUT, "the running guest's picture again", interval=1)
    assert (d.in_front(), w.agent("virsh -q list --name")) == ("tty2", guest)
    d.wait_keys_reach_the_guest()
    d.type("clear", enter=True)
    d.looks_like("guest-shell.png", SHELL)
    d.switch_off()


# What a workstation must not have more of after many logins: name and value, one a line.
_USED = r"""
for name in berth-greeter seatd libvirtd virtqemud; do
    for p in $(pidof $name); do
        echo "$name files $(ls /proc/$p/fd | wc -l)"
        echo "$name memory $(awk '/^RssAnon/{print $2}' /proc/$p/status)"
    done
done
echo "machine processes $(ls -d /proc/[0-9]* | wc -l)"
echo "machine sockets $(ss -Hxa | wc -l)"
echo "machine domains $(virsh -q list --all | wc -l)"
echo "machine errors $(journalctl -b -p err -q --no-pager -o cat | wc -l)"
echo "machine files-in-run $(find /run -xdev | wc -l)"
echo "machine memory $(awk '/^Unevictable|^Slab|^AnonPages|^Shmem:|^KernelStack|^PageTables/{n+=$2} END{print n}' /proc/meminfo)"
"""


def used(w):
    w.agent("sync; echo 3 > /proc/sys/vm/drop_caches")
    return {name: int(value) for name, value in re.findall(r"(?m)^(\S+ \S+) (\d+)$", w.agent(_USED))}


def test_l_many_logins_in_one_boot_leave_no_more_than_one(display, full):
    """With those above five; in full two hundred."""
    d, w = display, display.w
    logins = 200 if full else 2
    before = None
    for n in range(logins):
        d.login_to_the_first_frame(GUS)
        if n == 0:
            is_begun_anew(d, "kill -KILL $(pidof cage)")
        if n == 1:
            w.agent("kill -STOP $(pidof seatd)")
        d.switch_off()
        before = before or used(w)
    after = used(w)
    print(f"\nafter {logins} logins:", *(f"{name}: {before[name]} -> {after[name]}" for name in after), sep="\n  ")
    more = {name: (before.get(name), now) for name, now in after.items()
            if now > before.get(name, 0) + (2048 + 16 * logins if name.endswith(" memory") else 2)}
    assert not more, f"more than after the first of {logins} logins: {more}"
