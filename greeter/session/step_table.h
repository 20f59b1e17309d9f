// SPDX-License-Identifier: GPL-3.0-or-later
// The steps of a session: the one table that code, screen, log, docs/architecture.md and tests share.
#pragma once

#include <span>

#include "greeter/session/saga.h"

namespace berth::session {

namespace step {
inline constexpr std::string_view authenticate = "authenticate", account = "account",
                                  credentials = "credentials", locate = "locate", mount = "mount",
                                  choose = "choose", check = "check", lock = "lock", configure = "configure",
                                  swap = "swap", volume = "volume", vm = "vm", console = "console";
}  // namespace step

std::span<const StepFacts> session_steps();
/// Of a step of the table.
Duration step_deadline(std::string_view name);

}  // namespace berth::session
