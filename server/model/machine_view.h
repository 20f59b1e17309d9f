// SPDX-License-Identifier: GPL-3.0-or-later
// How a machine is shown to an admin. Pure.
#pragma once

#include <string>
#include <vector>

#include "server/model/machine.h"
#include "server/model/machine_identity.h"

namespace berth::server {

/// What an admin set, one "key: value" line each, in a fixed order: for show and for the diff before a
/// change.
std::vector<std::string> editable_lines(const Machine& machine);
std::vector<std::string> policy_lines(const Policy& policy);
/// What the machine last said, one line each.
std::vector<std::string> status_lines(const Machine& machine);
/// The head of `machine list`, and a machine's row.
std::vector<std::string> list_head();
std::vector<std::string> list_row(const Machine& machine, const Policy& policy);
/// Who else asked with something of a record: for the end of `machine list`, the head first, and a line for
/// `machine show`.
std::vector<std::vector<std::string>> conflict_rows(const std::vector<Conflict>& conflicts);
std::string conflict_line(const Conflict& conflict);
/// Everything, for --json; of `conflicts` the machine's.
nlohmann::json machine_json(const Machine& machine, const Policy& policy,
                            const std::vector<Conflict>& conflicts = {});
nlohmann::json policy_json(const Policy& policy);

/// "2026-01-31 12:00:00Z"; 0 is "never".
std::string show_time(int64_t seconds);
/// "1.0 TB": as disks are sold.
std::string show_bytes(uint64_t bytes);

}  // namespace berth::server
