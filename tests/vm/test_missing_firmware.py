# SPDX-License-Identifier: GPL-3.0-or-later
"""A firmware file that the image lacks is named on the screen: while the bootstrap looks for a network card, and at the login screen."""


def test_a_network_card_without_its_firmware_is_told_by_the_bootstrap(world, machine):
    """The 82551's driver does not open its card without microcode, which is in Debian's non-free firmware."""
    w = machine("card", nic="i82551", data_disk=False)
    w.set_boot(world.direct(w))
    w.power_on()
    w.screen.wait_raw(rb"berth: [^\r\n]*BERTH-B11\b[^\r\n]*e100/d102e_ucode\.bin[^\r\n]*--firmware", timeout=1200)
    # The driver continues to complain; the name is beside the network's failure once more.
    w.screen.wait_raw(rb"(?s)BERTH-B11\b.{,100}e100/d102e_ucode\.bin.{,400}BERTH-B01\b", timeout=600)


def test_firmware_that_the_kernel_misses_later_is_told_by_the_login_screen(desk):
    """In the kernel's log, in its words: no driver of this machine wants a file once it runs."""
    assert "irmware" not in desk.screen.text()
    desk.agent("echo '<4>amdgpu 0000:03:00.0: Direct firmware load for amdgpu/navi10_me.bin failed with error -2' >/dev/kmsg")
    desk.screen.wait_for(r"Firmware for some of this hardware is missing: amdgpu/navi10_me\.bin\.", timeout=240)
