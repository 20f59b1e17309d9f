// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui/text.h"

#include <wchar.h>

#include <algorithm>

#include "base/plain_text.h"

namespace berth::ui {
namespace {

constexpr wchar_t k_replacement = 0xfffd;

}  // namespace

std::wstring clean(std::string_view utf8, bool keep_newlines) {
    std::wstring out;
    while (!utf8.empty()) {
        const auto [code, bytes] = first_character(utf8);
        const auto c = static_cast<wchar_t>(code);
        const std::string_view one = utf8.substr(0, bytes);
        utf8.remove_prefix(bytes);
        if (c == L'\r' && !utf8.empty() && utf8.front() == '\n') continue;
        if (c == L'\n' && keep_newlines)
            out += c;
        else if (c == L'\n' || c == L'\t')
            out += L' ';
        else if (is_printable(code))
            out += ::wcwidth(c) < 0 ? k_replacement : c;
        else
            for (const char escaped : printable(one)) out += static_cast<wchar_t>(escaped);
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

}  // namespace berth::ui
