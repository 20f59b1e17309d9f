// SPDX-License-Identifier: GPL-3.0-or-later
// A Connector over libnfs: sessions are NfsSessions, lines are RpcTransports.
#pragma once

#include "base/fd.h"
#include "files/nfs/server_addresses.h"
#include "volume/api/volume_config.h"
#include "volume/core/connector.h"

namespace berth::volume {

class NfsConnector final : public Connector {
  public:
    /// `config` and `clock` outlive it and all that it makes; it outlives its sessions.
    NfsConnector(const VolumeConfig& config, Clock& clock, const files::LookUp& look_up);

    Result<std::unique_ptr<Session>> mount(bool shared, Duration timeout) override;
    /// Ends every wait of its sessions, now and later, with L05. Any thread.
    void interrupt();

  private:
    const VolumeConfig& config_;
    Clock& clock_;
    UniqueFd interrupt_;
    const files::ServerAddresses addresses_[2];  // the user's server, the shared tree's
};

}  // namespace berth::volume
