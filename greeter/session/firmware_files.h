// SPDX-License-Identifier: GPL-3.0-or-later
// The server's half of greeter/vm/nvram.h: firmware variables and TPM state in the VM's directory. Only under
// the lock.
#pragma once

#include "greeter/session/state_store.h"
#include "greeter/vm/nvram.h"
#include "volume/user_directory.h"

namespace berth::session {

/// What stands at the server; a missing file is none. Asks nothing for a VM that has neither.
Result<vm::FirmwareBytes> stored_firmware(volume::UserDirectory& directory, const std::string& vm,
                                          const vm::MachineConfig& config);

/// Replaces each part that `changed` gives, if the lock is still ours: what another has by now is theirs.
/// False: it is not, nothing was done.
/// Writes what changed without a look at the lock; true.
Result<bool> store_firmware(volume::UserDirectory& directory, const std::string& vm,
                            const vm::MachineConfig& config, const vm::FirmwareBytes& changed);
Result<bool> put_firmware(volume::UserDirectory& directory, const std::string& vm, const LockState& lock,
                          const vm::MachineConfig& config, const vm::FirmwareBytes& changed);

}  // namespace berth::session
