// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/step_table.h"

#include <algorithm>
#include <stdexcept>

#include "greeter/session/steps/session_steps.h"

namespace berth::session {

std::span<const StepFacts> session_steps() {
    return SessionSteps::facts();
}

Duration step_deadline(std::string_view name) {
    const auto steps = session_steps();
    const auto found = std::ranges::find(steps, name, &StepFacts::name);
    if (found == steps.end()) throw std::logic_error(fmt::format("no step \"{}\"", name));
    return found->deadline;
}

}  // namespace berth::session
