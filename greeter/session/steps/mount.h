// SPDX-License-Identifier: GPL-3.0-or-later
// The user's directory is reached, and the workstation's guests are kept from its file servers.
#pragma once

#include "greeter/session/resources/user_files.h"
#include "greeter/session/steps/locate.h"

namespace berth::session {

struct Mounted : Located {
    UserFiles* files;  ///< The step's, until its undo.
};

class MountStep : public SessionStep {
  public:
    static constexpr StepFacts facts{
        step::mount, "Opening your files", "Closing your files", std::chrono::seconds(60), 5, {}};
    explicit MountStep(SessionContext& session) : SessionStep(session), files_(session.seams.resources) {}

    /// M12 more groups than NFS carries; I04 the shared tree's location is not server:/path; M-errors; H11.
    Result<Mounted> run(Located where, BootTime deadline);
    Status undo() {
        files_.unmount();
        return {};
    }
    static constexpr std::string_view nothing_left =
        "no kernel mounts anything: the connections are the process's";

  private:
    Result<guest::MountOptions> options(const Located& where, BootTime deadline);

    UserFiles files_;
};

}  // namespace berth::session
