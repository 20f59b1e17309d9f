// SPDX-License-Identifier: GPL-3.0-or-later
// What a client posts about itself (docs/architecture.md "Provisioner: HTTP"): untrusted JSON, strict schema,
// fuzzed. The schema is strict in names and kinds of values; a value that hardware or firmware made odd costs
// itself only.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berth::server {

inline constexpr size_t k_max_status_bytes = 64 * 1024;

/// Each part is there if the post had it. `error` null means "no error any more", `session` null "nobody is
/// logged in".
struct StatusPost {
    std::optional<std::string> boot_id, stage;
    std::optional<int> percent;
    std::optional<std::string> error;       ///< Empty for null.
    std::optional<nlohmann::json> facts;    ///< Only the known members, checked; `left_out` as below.
    std::optional<nlohmann::json> session;  ///< An object or null.
    std::vector<std::string> left_out;      ///< What was left out or changed, one plain text each.
};

inline constexpr size_t k_max_listed = 64;  ///< Disks, cards, and texts in `left_out`.

/// P01 naming the member and what it must be: the text is not JSON, a member is unknown or of another kind (a
/// number where a text must be), or `stage` or `percent` is out of range. All else that is wrong is told in
/// `left_out`, and what it says of facts in their member of that name too, behind what the client itself left
/// out: a text too long or with control characters is cut, or has '?' there; a number out of its range, an
/// address that is not a station's MAC, and what a list has more than k_max_listed are not taken.
Result<StatusPost> parse_status(std::string_view text);

}  // namespace berth::server
