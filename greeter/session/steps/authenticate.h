// SPDX-License-Identifier: GPL-3.0-or-later
// PAM's first step, and the end of all of PAM. The authenticator's own watchdog bounds each call.
#pragma once

#include "greeter/session/session_context.h"
#include "greeter/session/step_names.h"

namespace berth::session {

struct Authenticated {};

class AuthenticateStep : public SessionStep {
  public:
    static constexpr StepFacts facts{
        step::authenticate, "Checking your password", "Logging you off", std::chrono::seconds(60), 7, {}};
    using SessionStep::SessionStep;

    Result<Authenticated> run(BootTime) {
        BERTH_TRY(session_.seams.authenticator.authenticate());
        return Authenticated{};
    }
    Status undo() { return session_.seams.authenticator.end(); }
    static constexpr std::string_view nothing_left = "PAM's session is the process's";
};

}  // namespace berth::session
