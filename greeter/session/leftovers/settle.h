// SPDX-License-Identifier: GPL-3.0-or-later
// Before the workstation goes down: no guest is cut that a session or a sweeper still closes
// (docs/decisions/0007).
#pragma once

#include <functional>

#include "greeter/session/leftovers/sweeper.h"

namespace berth::session {

/// What the greeter shows meanwhile, and lets nobody in.
std::string going_down_text(std::chrono::seconds limit);

/// Asks each living session to close (`ask`, once, with its pid), finishes what nobody is at, and waits until
/// nothing of this boot is left that power-off would cut. What earlier boots left waits for the sweeper of
/// the next one. `go_on` is asked before each pause; false gives up, as `limit` does. How many are left.
Result<size_t> settle(const SweepSeams& seams, Duration limit, const std::function<void(pid_t)>& ask,
                      const std::function<bool()>& go_on);

}  // namespace berth::session
