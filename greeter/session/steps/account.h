// SPDX-License-Identifier: GPL-3.0-or-later
// May the user log in, now and here? An expired password is changed here.
#pragma once

#include "greeter/session/steps/authenticate.h"

namespace berth::session {

struct Accepted {};

class AccountStep : public SessionStep {
  public:
    static constexpr StepFacts facts{
        step::account, "Checking your account", "", std::chrono::seconds(60), 0, {}};
    using SessionStep::SessionStep;

    Result<Accepted> run(Authenticated, BootTime) {
        BERTH_TRY(session_.seams.authenticator.account());
        return Accepted{};
    }
    static constexpr std::string_view no_undo = "it only asks; a new password stays";
};

}  // namespace berth::session
