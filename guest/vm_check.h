// SPDX-License-Identifier: GPL-3.0-or-later
// What must hold of a VM's directory before a session may start it: the session's check and
// configure steps, and `berthctl vm check`, which continues after the first fault.
#pragma once

#include <string>
#include <vector>

#include "guest/machine_config.h"
#include "guest/user_directory.h"

namespace berth::guest {

inline constexpr const char* k_machine_file = "machine.toml";
inline constexpr size_t k_max_machine_file = 1 << 20;
/// Less than this at the server is worth a word, not a refusal.
inline constexpr uint64_t k_little_space = 256ULL << 20;

/// M33 unreadable; C-errors. The text goes to `text`.
Result<MachineConfig> read_machine_config(UserDirectory& directory, const std::string& vm, std::string& text);
/// M32: missing, no file, empty, not readable, not writable.
Status check_disk(UserDirectory& directory, const std::string& vm, const Disk& disk);
/// The first fault of all disks.
Status check_disks(UserDirectory& directory, const std::string& vm, const MachineConfig& config);

/// Those whose bytes are in the VM's directory: what a release writes down (lock/record.h). Not swap, nor the shared
/// tree's.
std::vector<lock::ConfiguredDisk> recorded_disks(const MachineConfig& config);

struct Finding {
    bool stops = true;  ///< A login would end here; false: worth knowing.
    Error error;        ///< For a word that stops nothing only its detail counts.
};
/// All that would stop a login and that the server can tell. `config` is set when it could be read.
std::vector<Finding> check_vm(UserDirectory& directory, const std::string& vm,
                              std::optional<MachineConfig>& config);

}  // namespace berth::guest
