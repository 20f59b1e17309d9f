// SPDX-License-Identifier: GPL-3.0-or-later
// The provisioner as a session needs it: a diskless client's state files, and who runs what since when
// (docs/architecture.md "Provisioner: HTTP"). Every request is bounded to 3 s and has a connection of its own. Any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "greeter/session/leftovers/state_store.h"

namespace berth::session {

struct Provisioner {
    std::string url;      ///< Without a slash at the end.
    std::string machine;  ///< Record id.
    std::string token;    ///< Goes as Berth-Boot.
};

/// Who uses which VM since when.
struct RunningSession {
    std::string user, vm, since;
};

class ProvisionerClient final : public RemoteState {
  public:
    explicit ProvisionerClient(Provisioner provisioner) : provisioner_(std::move(provisioner)) {}

    Status put(const std::string& name, std::string_view text) override;
    Status remove(const std::string& name) override;
    Result<std::map<std::string, std::string>> all() override;
    /// nullopt: nobody uses a VM here any more.
    Status report_session(const std::string& boot_id, const std::optional<RunningSession>& session);

  private:
    /// The answer's body; nullopt: it does not exist (404).
    Result<std::optional<std::string>> request(const char* method, const std::string& path,
                                               std::string_view body = {});

    Provisioner provisioner_;
};

/// Pure: the values of berth.provisioner, berth.machine and berth.boot on a kernel command line; the record's
/// token counts first. nullopt: this client has no provisioner.
std::optional<Provisioner> find_provisioner(std::string_view command_line, std::string_view record_id,
                                            std::string_view record_token);

}  // namespace berth::session
