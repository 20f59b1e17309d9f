// SPDX-License-Identifier: GPL-3.0-or-later
// The configuration that counts: what is there under the lock.
#pragma once

#include "greeter/session/steps/lock.h"

namespace berth::session {

struct Configured : Locked {};

class ConfigureStep : public SessionStep {
  public:
    static constexpr StepFacts facts{
        step::configure, "Reading its configuration", "", std::chrono::seconds(60), 0, {}};
    using SessionStep::SessionStep;

    Result<Configured> run(Locked locked, BootTime deadline);
    static constexpr std::string_view no_undo = "it only reads";
};

}  // namespace berth::session
