// SPDX-License-Identifier: GPL-3.0-or-later
// What of a file server's reply can be true at all. Asked of every reply before it is used, and by a root
// program once more of what its berth-files says (files/helper/wire.h). Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace berth::files {

/// FHSIZE3 of NFSv3 (RFC 1813 2.4).
inline constexpr size_t k_longest_handle = 64;
/// NAME_MAX and PATH_MAX of Linux (limits.h), whose servers and clients hold no longer ones.
inline constexpr size_t k_longest_name = 255, k_longest_link_target = 4095;

inline bool possible_handle(std::string_view handle) {
    return !handle.empty() && handle.size() <= k_longest_handle;
}
/// Of an entry of a directory; "." and ".." among them.
inline bool possible_name(std::string_view name) {
    return !name.empty() && name.size() <= k_longest_name && name.find('/') == name.npos &&
           name.find('\0') == name.npos;
}
inline bool possible_link_target(std::string_view target) {
    return target.size() <= k_longest_link_target && target.find('\0') == target.npos;
}

}  // namespace berth::files
