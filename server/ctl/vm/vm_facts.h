// SPDX-License-Identifier: GPL-3.0-or-later
// How a virtual machine is shown to an admin.
#pragma once

#include "guest/machine_config.h"
#include "server/ctl/verb.h"

namespace berth::server {

nlohmann::json vm_facts(const VmName& name, const guest::MachineConfig& config);
nlohmann::json holder_json(const lock::LockHolder& holder);

/// All of one that is there: what `show` prints, and `remove` before it asks.
Result<Answer> facts_of(UserPlace& place, const std::string& vm);

}  // namespace berth::server
