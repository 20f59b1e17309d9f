// SPDX-License-Identifier: GPL-3.0-or-later
// What the kernel command line asks of us (docs/architecture.md "Users, paths, parameters", "Image").
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace berth::boot {

struct BootParameters {
    std::string
        image;  ///< berth.image=URL of the image's folder, without a slash at its end. Empty: not given.
    std::string site;              ///< berth.site=URL; empty: none.
    std::string provisioner;       ///< berth.provisioner=URL; empty: none.
    std::string machine;           ///< berth.machine=ID
    std::string token;             ///< berth.boot=TOKEN
    std::string console = "tty1";  ///< berth.console=tty1 | ttyS0 ...
    /// berth.mac= or BOOTIF=01-...: the card that booted, "52:54:00:12:34:56"; empty: unknown, or not
    /// Ethernet.
    std::string mac;

    /// There is a provisioner that knows this workstation.
    bool has_record() const { return !provisioner.empty() && !machine.empty(); }
};

/// Words of others are ignored. B09 names the word and its valid form. The last of two equal words counts, as in
/// the kernel.
Result<BootParameters> parse_boot_parameters(std::string_view command_line);

/// Reads /proc/cmdline.
Result<BootParameters> read_boot_parameters();

}  // namespace berth::boot
