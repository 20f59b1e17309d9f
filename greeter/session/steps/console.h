// SPDX-License-Identifier: GPL-3.0-or-later
// The guest gets the terminal, and runs.
#pragma once

#include "greeter/session/steps/vm.h"

namespace berth::session {

struct Running : Started {
    UniqueFd* console;  ///< The step's, until its undo.
    std::string since;  ///< RFC 3339.
};

class ConsoleStep : public SessionStep {
  public:
    static constexpr StepFacts facts{
        step::console, "Handing over the screen", "Taking the screen back", std::chrono::seconds(20), 1, {}};
    using SessionStep::SessionStep;

    /// libvirt's own time bounds its calls (LibvirtTimes).
    Result<Running> run(Started vm, BootTime deadline);
    Status undo();
    static constexpr std::string_view nothing_left = "the console's connection is the process's";

  private:
    UniqueFd console_;
};

}  // namespace berth::session
