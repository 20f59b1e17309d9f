// SPDX-License-Identifier: GPL-3.0-or-later
// The VM itself: started with its vCPUs paused, ended by the stop ladder (stop_ladder.h). Its firmware's state
// comes here before and goes back after.
#pragma once

#include "greeter/session/running/stop_ladder.h"
#include "greeter/session/steps/firmware.h"

namespace berth::session {

/// The VM while it is ours; libvirt and the domain's name outlive us.
struct Guest {
    std::unique_ptr<guest::Domain> domain;
    bool ran = false;  ///< Its vCPUs ran: it has something to close.
};

struct Started : Served {
    Guest* guest;  ///< The step's, until its undo.
};

class VmStep : public SessionStep {
  public:
    static constexpr StepFacts facts{step::vm,
                                     "Starting your virtual machine",
                                     "Closing your virtual machine",
                                     std::chrono::seconds(120),
                                     2,
                                     {}};
    explicit VmStep(SessionContext& session) : SessionStep(session), firmware_(session) {}

    Result<Started> run(Served vm, BootTime deadline);
    /// H30: it may still run. Errors of the firmware's state: it is still here.
    Status undo();
    static Status undo_left(Leftover& left);

  private:
    /// Its SPICE socket's path, in a folder made for it; empty: it has no screen here.
    Result<std::string> make_screen(const Served& vm);
    /// Between two looks at a guest that closes.
    Patience wait_for_guest(StopLadder& ladder);

    LocalFirmware firmware_;
    Volume* volume_ = nullptr;
    Guest guest_;
};

}  // namespace berth::session
