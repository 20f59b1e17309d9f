// SPDX-License-Identifier: GPL-3.0-or-later
// The VM's swap disks, local and never at the server.
#pragma once

#include "greeter/session/steps/configure.h"

namespace berth::session {

struct WithSwap : Configured {};

class SwapStep : public SessionStep {
  public:
    static constexpr StepFacts facts{
        step::swap, "Preparing its swap disk", "Deleting its swap disk", std::chrono::seconds(120),
        6,          {step::vm, step::volume}};
    using SessionStep::SessionStep;

    /// H03 a copy of the VM is still here; S01 no room; I-errors.
    Result<WithSwap> run(Configured vm, BootTime deadline);
    Status undo() { return delete_all(session_.record, session_.seams.resources); }
    static Status undo_left(Leftover& left) { return delete_all(left.state, left.seams.resources); }

    /// Where a swap disk of this session is.
    static std::string path(const SessionConfig& config, const guest::Disk& disk);

  private:
    Status refuse_second_copy(const guest::MachineConfig& config);
    /// The first error, after all were tried.
    static Status delete_all(const SessionState& state, SessionResources& resources);
};

}  // namespace berth::session
