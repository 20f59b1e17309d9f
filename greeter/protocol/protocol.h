// SPDX-License-Identifier: GPL-3.0-or-later
// What may stand in a message between greeter, UI and session (docs/architecture.md "Messages"). One table
// for all directions; every receiver passes what it got through check(), so code behind it never meets a
// missing field or a wrong type.
#pragma once

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace berth::supervisor {

enum class Link { to_ui, from_ui, to_session, from_session };

/// The message with its known fields only; optional ones that are missing get their defaults. I03 for an
/// unknown type, a missing field, a wrong kind or a value out of range. Strings are moved, not copied (one
/// may be a password).
Result<nlohmann::json> check(Link link, nlohmann::json body);

/// Overwrites every string of `body`.
void wipe(nlohmann::json& body);

}  // namespace berth::supervisor
