// SPDX-License-Identifier: GPL-3.0-or-later
// What the kernel's log says about firmware files that drivers asked for in vain.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/record/boot_record.h"

namespace berth::boot {

/// From log lines ("firmware: failed to load X", "Direct firmware load for X failed"). Each once, in order.
/// Pure.
std::vector<std::string> missing_firmware(std::string_view kernel_log);

/// /dev/kmsg, from the oldest record that the kernel still has.
class KernelLog {
  public:
    /// The records since the last call, without waiting; empty when the log cannot be read.
    std::string read_on();

    /// The files that missing_firmware() finds in them and `known` lacks are put behind it, up to
    /// k_most_firmware in all; how many that were.
    size_t add_missing_firmware(std::vector<std::string>& known);

  private:
    UniqueFd fd_;
};

}  // namespace berth::boot
