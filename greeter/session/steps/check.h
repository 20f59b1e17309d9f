// SPDX-License-Identifier: GPL-3.0-or-later
// Can the VM run here? Writable, complete, KVM. Of little room its user is only told.
#pragma once

#include <future>

#include "greeter/session/steps/choose.h"
#include "guest/machine_config.h"

namespace berth::session {

struct Checked : Chosen {
    guest::MachineConfig config;
    std::string machine_text;  ///< What it was read from.
    bool kvm = false;
};

class CheckStep : public SessionStep {
  public:
    static constexpr StepFacts facts{
        step::check, "Checking your virtual machine", "", std::chrono::seconds(60), 0, {}};
    /// Begins the probe of KVM, on a thread of its own: on a workstation that has just booted it takes long, and
    /// the user types meanwhile.
    explicit CheckStep(SessionContext& session);

    Result<Checked> run(Chosen chosen, BootTime deadline);
    static constexpr std::string_view no_undo = "what it writes to see whether it can, it removes itself";

  private:
    std::future<Status> kvm_;
};

}  // namespace berth::session
