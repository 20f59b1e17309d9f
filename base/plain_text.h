// SPDX-License-Identifier: GPL-3.0-or-later
// Untrusted bytes (names on a file server, targets of links, texts of PAM modules) on their way to a screen,
// a log or a JSON text. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace berth {

/// UTF-8 (RFC 3629) without control characters (C0, DEL, C1): a name that every part can carry as itself.
bool is_plain_text(std::string_view text);

/// The text itself when it is plain and at most `longest` bytes; else each byte that is not printable ASCII
/// as \xNN, and "..." behind at most `longest` bytes of that.
std::string shown(std::string_view text, size_t longest);

/// At most `longest` bytes of it, with "..." where it was cut; never cut inside a character of UTF-8.
std::string cut_text(std::string_view text, size_t longest);

/// For a place that takes plain text only: each byte that is not part of a plain character becomes '?'; at
/// most `longest` bytes (at least 3), the last three "..." where it was cut, never inside a character.
std::string made_plain(std::string_view text, size_t longest);

}  // namespace berth
