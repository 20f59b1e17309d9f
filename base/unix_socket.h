// SPDX-License-Identifier: GPL-3.0-or-later
// Stream sockets with a name, unix(7). Where others may write to the folder, base/no_links.h connects.
#pragma once

#include <cstddef>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace berth {

inline constexpr size_t k_longest_socket_path = 107;

/// Bound at `path`, where an older file goes, and mode 0600; not blocking. Nobody can connect before listen(2): until
/// then its owner and mode can be changed. I01.
Result<UniqueFd> bind_unix_socket(const std::string& path);

/// I01.
Result<UniqueFd> connect_unix_socket(const std::string& path);

}  // namespace berth
