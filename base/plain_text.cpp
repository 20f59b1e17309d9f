// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/plain_text.h"

#include <fmt/format.h>

namespace berth {
namespace {

bool continues(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

/// Bytes of the character that `text` begins with, or 0 if it is none or a control character.
size_t plain_character(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte(0);
    if (first < 0x80) return first >= ' ' && first != 0x7f ? 1 : 0;
    const size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < n) return 0;
    for (size_t i = 1; i < n; ++i)
        if (!continues(text[i])) return 0;
    // C1; overlong; surrogates; above U+10FFFF.
    if (first == 0xc2 && byte(1) < 0xa0) return 0;
    if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f)) return 0;
    if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) return 0;
    return n;
}

}  // namespace

bool is_plain_text(std::string_view text) {
    while (!text.empty()) {
        const size_t n = plain_character(text);
        if (n == 0) return false;
        text.remove_prefix(n);
    }
    return true;
}

std::string shown(std::string_view text, size_t longest) {
    if (text.size() <= longest && is_plain_text(text)) return std::string(text);
    std::string out;
    for (const char c : text) {
        const std::string one = c >= ' ' && c <= '~'
                                    ? std::string(1, c)
                                    : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        if (out.size() + one.size() > longest) return out + "...";
        out += one;
    }
    return out;
}

std::string cut_text(std::string_view text, size_t longest) {
    if (text.size() <= longest) return std::string(text);
    size_t end = longest;
    // A character has at most three bytes after its first; what has more is no UTF-8 and may be cut anywhere.
    for (int i = 0; i < 3 && end > 0 && continues(text[end]); ++i) --end;
    return std::string(text.substr(0, end)) + "...";
}

std::string made_plain(std::string_view text, size_t longest) {
    std::string out;
    size_t cut = 0;  // Where "..." still fits.
    while (!text.empty()) {
        const size_t n = plain_character(text);
        const std::string_view one = n == 0 ? "?" : text.substr(0, n);
        if (out.size() + one.size() > longest) return out.substr(0, cut) + "...";
        out += one;
        if (out.size() + 3 <= longest) cut = out.size();
        text.remove_prefix(n == 0 ? 1 : n);
    }
    return out;
}

}  // namespace berth
