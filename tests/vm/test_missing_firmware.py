# SPDX-License-Identifier: GPL-3.0-or-later
"""A firmware file that the image lacks is named on the screen (at the login screen: BootFacts.name_missing_firmware_behind_all_else)."""


def test_a_network_card_without_its_firmware_is_told_by_the_bootstrap(world, machine):
    """The 82551's driver does not open its card without microcode, which is in Debian's non-free firmware."""
    w = machine("card", nic="i82551", data_disk=False)
    w.set_boot(world.direct(w))
    w.power_on()
    w.screen.wait_raw(rb"berth: [^\r\n]*BERTH-B11\b[^\r\n]*e100/d102e_ucode\.bin[^\r\n]*--firmware", timeout=1200)
    # The driver goes on complaining; the name stands beside the network's failure once more.
    w.screen.wait_raw(rb"(?s)BERTH-B11\b.{,100}e100/d102e_ucode\.bin.{,400}BERTH-B01\b", timeout=600)
