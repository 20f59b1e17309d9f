// SPDX-License-Identifier: GPL-3.0-or-later
// The description of a virtual appliance (OVF, DMTF DSP0243 1.x, as VMware and VirtualBox write it).
// Untrusted input, read by guest/xml.h; what is out of range is an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "guest/machine_config.h"
#include "guest/xml.h"

namespace berth::server {

struct OvfDisk {
    std::string file;  ///< Plain name of a file beside the description.
    guest::DiskBus bus = guest::DiskBus::sata;
};

struct OvfAppliance {
    std::string name;
    unsigned cpus = 1;
    uint64_t memory = 0;  ///< Bytes, whole MiB.
    guest::Firmware firmware = guest::Firmware::bios;
    std::vector<OvfDisk> disks;      ///< In the order of controllers and their places.
    std::vector<std::string> cards;  ///< Network cards, as machine.toml's model.
};

inline constexpr size_t k_max_ovf = guest::k_max_xml;
/// P25 naming `file`, place and what would be right.
Result<OvfAppliance> parse_ovf(std::string_view text, const std::string& file);

}  // namespace berth::server
