// SPDX-License-Identifier: GPL-3.0-or-later
// Whether a disk is part of this workstation. What somebody can plug in may hold a partition of Berth's type
// and label that they made: state of sessions that never were (docs/security.md "Which disks are trusted").
#pragma once

#include <filesystem>
#include <string>

namespace berth::boot {

/// Why the disk is not internal ("an SD card"), part of a sentence; empty: it is. `block` is its folder in
/// sysfs ("/sys/block/sda"). Not internal is
/// - a removable medium: its own `removable` is 1 (Documentation/ABI/stable/sysfs-block);
/// - whatever has in its path a device with `removable` = "removable"
///   (Documentation/ABI/testing/sysfs-devices-removable). The kernel says so of each PCI device below a port
///   that the firmware calls ExternalFacingPort, as Thunderbolt's and USB4's are
///   (drivers/pci/probe.c, pci_set_removable);
/// - what is on the bus usb, firewire, pcmcia or memstick, and on mmc what is not of `type` MMC
///   (drivers/mmc/core/bus.c: "MMC", soldered as a rule; "SD", "SDcombo");
/// - an NVMe disk any of whose controllers is such a device or is reached over a network: with several paths
///   it has no PCI device in its own (drivers/nvme/host/multipath.c);
/// - one whose path cannot be read.
std::string why_not_internal(const std::filesystem::path& block);

}  // namespace berth::boot
