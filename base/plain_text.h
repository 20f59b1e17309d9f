// SPDX-License-Identifier: GPL-3.0-or-later
// Untrusted bytes (names on a file server, targets of links, texts of PAM modules) on their way to a screen,
// a log or a JSON text. Pure. What programs print goes through base/output.h, which calls printable() itself.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace berth {

/// What a text begins with.
struct Character {
    char32_t code;  ///< k_not_utf8 for a byte that begins no character.
    size_t bytes;   ///< 1 for such a byte.
    friend bool operator==(const Character&, const Character&) = default;
};
inline constexpr char32_t k_not_utf8 = 0x110000;
/// The only decoder of UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). `text` is
/// not empty.
Character first_character(std::string_view text);
/// How many bytes a character has that begins with this one; 0: none does.
size_t character_bytes(unsigned char first);
/// Whether `text`, not empty, may be a character that was cut: more bytes will tell.
bool is_cut_character(std::string_view text);
/// The inverse of first_character, for a code point up to U+10FFFF that is not a surrogate.
void append_utf8(std::string& to, char32_t code);

/// C0, DEL, C1.
bool is_control(char32_t code);
/// ' ' to '~': what every terminal and every tool takes as one character.
bool is_printable_ascii(char c);
/// UTF-8 without control characters: a name that every part can carry as itself.
bool is_plain_text(std::string_view text);

/// Whether a terminal shows `code` as a mark of its own and does nothing else: not in Unicode's categories
/// Cc, Cf, Cs, Zl and Zp (control characters, direction, invisible characters, line separators), nor reserved
/// for more of those.
bool is_printable(char32_t code);

enum class Newlines { escaped, kept };
/// The one function that makes text printable: each byte of what is neither printable nor UTF-8 becomes \xNN,
/// the rest stays. At most `longest` bytes (at least 3), the last three "..." where it was cut, never inside
/// a character or a \xNN. What is printable already stays as it is, so doing it twice does no harm.
std::string printable(std::string_view text, size_t longest = std::string_view::npos,
                      Newlines newlines = Newlines::escaped);
/// The same in quotes, those inside escaped; `longest` bytes between them.
std::string in_quotes(std::string_view text, size_t longest = 60);

/// At most `longest` bytes of it as they are, with "..." where it was cut; never cut inside a character.
std::string cut_text(std::string_view text, size_t longest);

}  // namespace berth
