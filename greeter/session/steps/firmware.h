// SPDX-License-Identifier: GPL-3.0-or-later
// The firmware's variables and TPM state of the VM between the server and this workstation
// (docs/architecture.md "Firmware variables and TPM state"): here while the VM runs, put back under the lock.
#pragma once

#include "greeter/session/resources/firmware_files.h"
#include "greeter/session/steps/volume.h"

namespace berth::session {

class LocalFirmware {
  public:
    explicit LocalFirmware(SessionContext& session) : session_(session) {}

    /// Makes the local files from what the server has.
    Status fetch(const Served& vm);
    const guest::FirmwarePaths& paths() const { return paths_; }
    /// Puts back what a guest that `ran` changed, while the volume engine's lease lets us write; else keeps it
    /// beside it there. Then the local files go. An error: they are still here.
    Status put_back(bool ran);

  private:
    Status put_to_server(const guest::FirmwareBytes& changed);
    /// Whether the volume engine's lease lets us write now. K05: not any more. V05: it cannot be said.
    Status may_write();

    SessionContext& session_;
    UserFiles* files_ = nullptr;
    Volume* volume_ = nullptr;
    guest::MachineConfig config_;
    guest::FirmwarePaths paths_;
    guest::FirmwareBytes stored_;  ///< As the server had it.
};

/// The same for a session that died, when its berth-volume is gone: under one good renewal of its lock that is
/// made here. What cannot be put back is kept beside it there. An error: it is still here.
Status put_left_firmware_back(const Leftover& left, guest::UserDirectory& directory);

}  // namespace berth::session
