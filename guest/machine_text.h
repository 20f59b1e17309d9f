// SPDX-License-Identifier: GPL-3.0-or-later
// Writing machine.toml: a whole new one, and another identity in an existing one. Pure but for the random
// numbers, which come from the kernel.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "guest/machine_config.h"

namespace berth::guest {

/// machine.toml that reads back as `config` (machine.toml(5)); defaults are written out where a reader would
/// want to see them.
std::string format_machine_config(const MachineConfig& config);

/// A random UUID (RFC 4122 section 4.4) and a MAC address of QEMU's range.
std::string fresh_uuid();
std::string fresh_mac();

/// What a copy of a VM is made of: its machine.toml with another uuid and, where one is written in it,
/// another MAC address; everything else stays, to the byte. C-errors when the text is not a machine.toml.
struct VmCopy {
    std::string text;
    std::vector<std::string> files;     ///< Disks and templates, each once.
    std::vector<std::string> optional;  ///< Firmware variables. A TPM's state is the original's alone.
    MachineConfig config{};
};
Result<VmCopy> copy_machine_toml(std::string_view text, std::string_view file, const std::string& uuid,
                                 const std::string& mac);

}  // namespace berth::guest
