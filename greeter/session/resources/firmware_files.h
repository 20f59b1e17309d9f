// SPDX-License-Identifier: GPL-3.0-or-later
// The server's half of guest/nvram.h: firmware variables and TPM state in the VM's directory.
#pragma once

#include "guest/nvram.h"
#include "guest/user_directory.h"

namespace berth::session {

/// What the server has; a missing file is none. Asks nothing for a VM that has neither.
Result<guest::FirmwareBytes> stored_firmware(guest::UserDirectory& directory, const std::string& vm,
                                             const guest::MachineConfig& config);

/// Replaces each part that `bytes` gives. `may_write` is asked immediately before each RENAME: the VM may be
/// somebody else's by now (K05). M04: whether it was replaced, or still will be, is unknown.
Status put_firmware(guest::UserDirectory& directory, const std::string& vm,
                    const guest::MachineConfig& config, const guest::FirmwareBytes& bytes,
                    const guest::UserDirectory::MayRename& may_write);

/// Keeps what may not be put back, or cannot: as "nvram.unsaved-<epoch>" and "tpm.state.unsaved-<epoch>"
/// beside the VM's files. These names are of one session only, so no lock is needed. An administrator decides
/// what becomes of them.
Status keep_firmware_aside(guest::UserDirectory& directory, const std::string& vm, uint64_t epoch,
                           const guest::FirmwareBytes& bytes);

}  // namespace berth::session
