// SPDX-License-Identifier: GPL-3.0-or-later
// A request's target, taken apart (RFC 9112 3.2.1). Pure; it takes hostile text.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berth::net {

/// Decoded path segments and decoded query values.
struct Target {
    std::vector<std::string> path;  ///< "/v1/boot" is {"v1", "boot"}; no segment is empty, "." or "..".
    /// The first of equal names counts. A value may hold any byte but NUL: who uses it checks it.
    std::map<std::string, std::string, std::less<>> query;
};
/// A serial number of SMBIOS may be long, and iPXE escapes each odd byte by three.
inline constexpr size_t k_max_target = 16384;
/// `malformed` for bad escapes, NUL, control characters (but escaped in a value), empty or dot segments, more than
/// k_max_target bytes.
Result<Target> parse_target(std::string_view target, ErrorCode malformed);

}  // namespace berth::net
