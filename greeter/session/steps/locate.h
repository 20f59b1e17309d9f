// SPDX-License-Identifier: GPL-3.0-or-later
// Where the user's files are (locator.h).
#pragma once

#include "greeter/session/steps/credentials.h"

namespace berth::session {

struct Located : LoggedIn {
    NfsLocation location;
};

class LocateStep : public SessionStep {
  public:
    static constexpr StepFacts facts{
        step::locate, "Finding your file server", "", std::chrono::seconds(20), 0, {}};
    using SessionStep::SessionStep;

    Result<Located> run(LoggedIn who, BootTime deadline) {
        auto location =
            BERTH_TRY(session_.seams.resources.locate(who.user.name, deadline - session_.seams.clock.now()));
        return Located{std::move(who), std::move(location)};
    }
    static constexpr std::string_view no_undo = "it only asks";
};

}  // namespace berth::session
