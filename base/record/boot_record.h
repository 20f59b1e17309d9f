// SPDX-License-Identifier: GPL-3.0-or-later
// /run/berth/boot.json, what the boot of this workstation found (docs/architecture.md "Users, paths, parameters"):
// written by berth-setup, read by the greeter and by sessions. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berth {

enum class ClockState { waiting, synchronised, unsynchronised };
/// "synchronised", as boot.json has it.
std::string_view clock_state_name(ClockState state);

/// Whether virtual machines can run here.
struct KvmFacts {
    bool usable = false;
    std::string why;  ///< Empty: it is usable, or nobody said.
    friend bool operator==(const KvmFacts&, const KvmFacts&) = default;
};

/// What is not known is left out of the text, or empty there.
struct BootRecord {
    std::optional<bool> persistent;  ///< There is a data partition.
    std::optional<ClockState> clock;
    std::optional<KvmFacts> kvm;
    std::optional<bool> network;
    std::vector<std::string> missing_firmware;  ///< Files, at most k_most_firmware.
    std::string client_id, host;                ///< base/client_identity.h. Empty: not known.
    friend bool operator==(const BootRecord&, const BootRecord&) = default;
};
inline constexpr size_t k_most_firmware = 32;

std::string format_boot_record(const BootRecord& record);
/// I04 names the member and what it must be; an unknown member is an error.
Result<BootRecord> parse_boot_record(std::string_view text);

}  // namespace berth
