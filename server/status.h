// SPDX-License-Identifier: GPL-3.0-or-later
// What a client posts about itself (docs/architecture.md "Provisioner: HTTP"): untrusted JSON, strict schema,
// fuzzed.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace berth::server {

inline constexpr size_t k_max_status_bytes = 64 * 1024;

/// Each part is there if the post had it. `error` null means "no error any more", `session` null "nobody is
/// logged in".
struct StatusPost {
    std::optional<std::string> boot_id, stage;
    std::optional<int> percent;
    std::optional<std::string> error;       ///< Empty for null.
    std::optional<nlohmann::json> facts;    ///< Only the known members, checked.
    std::optional<nlohmann::json> session;  ///< An object or null.
};

/// P01 naming the member and what it must be. An unknown member is an error.
Result<StatusPost> parse_status(std::string_view text);

}  // namespace berth::server
