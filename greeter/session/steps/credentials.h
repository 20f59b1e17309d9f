// SPDX-License-Identifier: GPL-3.0-or-later
// PAM's credentials and session; then the user is known.
#pragma once

#include "greeter/session/steps/account.h"

namespace berth::session {

struct LoggedIn {
    User user;
};

class CredentialsStep : public SessionStep {
  public:
    static constexpr StepFacts facts{
        step::credentials, "Opening your login session", "", std::chrono::seconds(60), 0, {}};
    using SessionStep::SessionStep;

    Result<LoggedIn> run(Accepted, BootTime) {
        BERTH_TRY(session_.seams.authenticator.open());
        return LoggedIn{session_.seams.authenticator.user()};
    }
    static constexpr std::string_view no_undo =
        "the undo of \"authenticate\" ends all that PAM did, by how far it got";
};

}  // namespace berth::session
