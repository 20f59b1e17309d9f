// SPDX-License-Identifier: GPL-3.0-or-later
// What `berthctl machine` may be told about a machine.
#pragma once

#include "server/ctl/setting_arguments.h"
#include "server/ctl/verb.h"
#include "server/store/store.h"

namespace berth::server {

/// --mac, --uuid, --serial.
class HardwareArguments {
  public:
    explicit HardwareArguments(CLI::App& command);
    HardwareArguments(const HardwareArguments&) = delete;
    HardwareArguments& operator=(const HardwareArguments&) = delete;

    bool any() const { return !macs_.empty() || uuid_ || serial_; }
    /// Checks and applies what the line named. P06.
    Status apply(Machine& machine) const;

  private:
    std::vector<std::string> macs_;
    std::optional<std::string> uuid_, serial_;
};

/// The hardware, --name, --enabled, --marked, and every setting.
class MachineArguments {
  public:
    explicit MachineArguments(CLI::App& command);

    /// Checks and applies what the line named; doing it again changes nothing more. P06.
    Status apply(Machine& machine) const;

  private:
    HardwareArguments hardware_;
    std::string name_, enabled_, marked_;
    SettingArguments settings_;
    std::string request_;  ///< The word of a request to remake the data partition.
};

/// MACHINE: id, name or MAC of a record.
void add_machine_word(CLI::App& command, std::string& word);

/// What `show` says of it, also after a change with --json.
Result<Answer> machine_answer(Store& store, const std::string& word);
/// The answer of a verb that has already shown the change: with --json the record as it is now.
Result<Answer> changed_answer(const Ctl& ctl, Store& store, const std::string& id, bool changed);

}  // namespace berth::server
