// SPDX-License-Identifier: GPL-3.0-or-later
// What is fixed about the steps of a session (steps/session_steps.h), as one table for screen, log,
// docs/architecture.md and tests.
#pragma once

#include <span>

#include "greeter/session/saga.h"
#include "greeter/session/step_names.h"

namespace berth::session {

std::span<const StepFacts> session_steps();
/// Of a step of the table.
Duration step_deadline(std::string_view name);

}  // namespace berth::session
