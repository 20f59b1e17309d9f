// SPDX-License-Identifier: GPL-3.0-or-later
// What is checked before untrusted text may reach toml++: a TOML parser and its tree are recursive, so depth
// must be bounded first. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace berth::guest {

inline constexpr size_t k_max_toml_bytes = 1 << 20;
/// Brackets open at once, and dots outside strings in one line (each dot of a key is a level).
inline constexpr int k_max_toml_depth = 16;

/// C01, naming `file` and line, for more than 1 MiB, a NUL byte, or more depth than k_max_toml_depth.
Status check_toml_shape(std::string_view text, std::string_view file);

/// For a syntax error in line `line`: "; text must be in \"quotes\"" if its value looks like bare text;
/// else empty.
std::string syntax_hint(std::string_view text, size_t line);

}  // namespace berth::guest
