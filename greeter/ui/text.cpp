// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui/text.h"

#include <wchar.h>

#include <algorithm>

namespace berth::ui {
namespace {

constexpr wchar_t k_replacement = 0xfffd;

struct Decoded {
    wchar_t c;
    size_t bytes;
};

Decoded decode(std::string_view s) {
    const auto at = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
    const unsigned char first = at(0);
    if (first < 0x80) return {static_cast<wchar_t>(first), 1};
    const size_t n = first >= 0xf0 && first < 0xf5   ? 4
                     : first >= 0xe0 && first < 0xf0 ? 3
                     : first >= 0xc2 && first < 0xe0 ? 2
                                                     : 0;
    if (n == 0 || s.size() < n) return {k_replacement, 1};
    unsigned value = first & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; ++i) {
        if ((at(i) & 0xc0) != 0x80) return {k_replacement, 1};
        value = value << 6 | (at(i) & 0x3fU);
    }
    const bool overlong = (n == 3 && value < 0x800) || (n == 4 && value < 0x10000);
    if (overlong || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return {k_replacement, 1};
    return {static_cast<wchar_t>(value), n};
}

bool harmful(wchar_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xe0000 && c <= 0xe0fff) || ::wcwidth(c) < 0;
}

}  // namespace

std::wstring clean(std::string_view utf8, bool keep_newlines) {
    std::wstring out;
    while (!utf8.empty()) {
        auto [c, n] = decode(utf8);
        utf8.remove_prefix(n);
        if (c == L'\r' && !utf8.empty() && utf8.front() == '\n') continue;
        if (c == L'\n' && keep_newlines)
            out += c;
        else if (c == L'\n' || c == L'\t')
            out += L' ';
        else
            out += harmful(c) ? k_replacement : c;
    }
    return out;
}

int width(wchar_t c) {
    return std::max(0, ::wcwidth(c));
}

int width(std::wstring_view text) {
    int columns = 0;
    for (wchar_t c : text) columns += width(c);
    return columns;
}

std::wstring cut(std::wstring_view text, int columns) {
    if (columns <= 0) return {};
    if (width(text) <= columns) return std::wstring(text);
    std::wstring out;
    int used = 0;
    for (wchar_t c : text) {
        if (used + width(c) > columns - 1) break;
        out += c;
        used += width(c);
    }
    return out + L'…';
}

std::wstring tail(std::wstring_view text, int columns) {
    int used = 0;
    size_t from = text.size();
    while (from > 0 && used + width(text[from - 1]) <= columns) used += width(text[--from]);
    return std::wstring(text.substr(from));
}

std::vector<std::wstring> wrap(std::wstring_view text, int columns) {
    columns = std::max(columns, 2);  // One wide character must fit.
    std::vector<std::wstring> lines;
    while (true) {
        const auto newline = text.find(L'\n');
        std::wstring_view rest = text.substr(0, newline);
        while (true) {
            size_t fits = 0, space = 0;
            int used = 0;
            while (fits < rest.size() && used + width(rest[fits]) <= columns) {
                if (rest[fits] == L' ') space = fits;
                used += width(rest[fits++]);
            }
            if (fits == rest.size()) {
                lines.emplace_back(rest);
                break;
            }
            if (rest[fits] == L' ') space = fits;
            const size_t end = space > 0 ? space : fits;
            lines.emplace_back(rest.substr(0, end));
            rest.remove_prefix(end);
            while (!rest.empty() && rest.front() == L' ') rest.remove_prefix(1);
            if (rest.empty()) break;
        }
        if (newline == std::wstring_view::npos) return lines;
        text.remove_prefix(newline + 1);
    }
}

void append_utf8(std::string& to, wchar_t wide) {
    const auto c = static_cast<unsigned>(wide);
    if (c < 0x80) {
        to += static_cast<char>(c);
    } else if (c < 0x800) {
        to += static_cast<char>(0xc0 | c >> 6);
        to += static_cast<char>(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        to += static_cast<char>(0xe0 | c >> 12);
        to += static_cast<char>(0x80 | (c >> 6 & 0x3f));
        to += static_cast<char>(0x80 | (c & 0x3f));
    } else {
        to += static_cast<char>(0xf0 | c >> 18);
        to += static_cast<char>(0x80 | (c >> 12 & 0x3f));
        to += static_cast<char>(0x80 | (c >> 6 & 0x3f));
        to += static_cast<char>(0x80 | (c & 0x3f));
    }
}

}  // namespace berth::ui
