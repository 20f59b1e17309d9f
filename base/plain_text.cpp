// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/plain_text.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace berth {
namespace {

struct Range {
    char32_t first, last;
};

/// Unicode 15; a test compares it with another copy of Unicode's data. Blocks that Unicode keeps for such
/// characters (2060, fff0, e0000) are whole.
constexpr Range k_not_printable[] = {
    {0x0000, 0x001f},   {0x007f, 0x009f},   {0x00ad, 0x00ad},   {0x0600, 0x0605},   {0x061c, 0x061c},
    {0x06dd, 0x06dd},   {0x070f, 0x070f},   {0x0890, 0x0891},   {0x08e2, 0x08e2},   {0x180e, 0x180e},
    {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},   {0xd800, 0xdfff},   {0xfeff, 0xfeff},
    {0xfff0, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

bool continues(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

}  // namespace

size_t character_bytes(unsigned char first) {
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
}

bool is_cut_character(std::string_view text) {
    return text.size() < character_bytes(static_cast<unsigned char>(text[0])) &&
           std::ranges::all_of(text.substr(1), continues);
}

Character first_character(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte(0);
    const size_t n = character_bytes(byte(0));
    if (n == 1) return {first, 1};
    constexpr Character none{k_not_utf8, 1};
    if (n == 0 || text.size() < n) return none;
    char32_t code = first & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; ++i) {
        if (!continues(text[i])) return none;
        code = code << 6 | (byte(i) & 0x3fU);
    }
    const bool overlong = (n == 3 && code < 0x800) || (n == 4 && code < 0x10000);
    if (overlong || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return none;
    return {code, n};
}

void append_utf8(std::string& to, char32_t code) {
    const auto tail = [&](int shift) { to += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
    if (code < 0x80) {
        to += static_cast<char>(code);
    } else if (code < 0x800) {
        to += static_cast<char>(0xc0 | code >> 6);
        tail(0);
    } else if (code < 0x10000) {
        to += static_cast<char>(0xe0 | code >> 12);
        tail(6), tail(0);
    } else {
        to += static_cast<char>(0xf0 | code >> 18);
        tail(12), tail(6), tail(0);
    }
}

bool is_control(char32_t code) {
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

bool is_printable_ascii(char c) {
    return c >= ' ' && c <= '~';
}

bool is_plain_text(std::string_view text) {
    while (!text.empty()) {
        const auto [code, bytes] = first_character(text);
        if (code == k_not_utf8 || is_control(code)) return false;
        text.remove_prefix(bytes);
    }
    return true;
}

bool is_printable(char32_t code) {
    if (code >= 0x20 && code < 0x7f) return true;
    const auto* range = std::ranges::lower_bound(k_not_printable, code, {}, &Range::last);
    return code < k_not_utf8 && (range == std::end(k_not_printable) || code < range->first);
}

std::string printable(std::string_view text, size_t longest, Newlines newlines) {
    std::string out;
    size_t cut = 0;  // Where "..." still fits.
    while (!text.empty()) {
        const auto [code, bytes] = first_character(text);
        std::string escaped;
        std::string_view one = text.substr(0, bytes);
        if (!is_printable(code) && !(code == '\n' && newlines == Newlines::kept)) {
            // Without fmt: the screen program's memory is locked, and small.
            for (const unsigned char byte : one) escaped += "\\x" + to_hex({&byte, 1});
            one = escaped;
        }
        if (one.size() > longest - out.size()) return out.substr(0, cut) + "...";
        out += one;
        if (longest - out.size() >= 3) cut = out.size();
        text.remove_prefix(bytes);
    }
    return out;
}

std::string in_quotes(std::string_view text, size_t longest) {
    std::string escaped;
    for (const char c : text) {
        if (c == '"' || c == '\\') escaped += '\\';
        escaped += c;
    }
    return '"' + printable(escaped, longest) + '"';
}

std::string cut_text(std::string_view text, size_t longest) {
    if (text.size() <= longest) return std::string(text);
    size_t end = longest;
    // A character has at most three bytes after its first; what has more is not UTF-8 and may be cut anywhere.
    for (int i = 0; i < 3 && end > 0 && continues(text[end]); ++i) --end;
    return std::string(text.substr(0, end)) + "...";
}

}  // namespace berth
