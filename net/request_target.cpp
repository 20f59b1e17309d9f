// SPDX-License-Identifier: GPL-3.0-or-later
#include "net/request_target.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace berth::net {
namespace {

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (i + 2 >= text.size()) return std::nullopt;
            const auto high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
            if (!high || !low) return std::nullopt;
            c = static_cast<char>(*high * 16 + *low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        out += c;
    }
    return out;
}

bool has_control(std::string_view text) {
    return std::ranges::any_of(text,
                               [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

Result<Target> parse_target(std::string_view target, ErrorCode malformed) {
    if (target.empty() || target.front() != '/' || target.size() > k_max_target || has_control(target))
        return fail(malformed, "target: must be a path of at most {} bytes", k_max_target);
    Target result;
    const size_t mark = target.find('?');
    std::string_view path = target.substr(1, mark == std::string_view::npos ? mark : mark - 1);
    while (true) {
        const size_t slash = path.find('/');
        auto segment = percent_decode(path.substr(0, slash), false);
        if (!segment || segment->empty() || *segment == "." || *segment == ".." || has_control(*segment) ||
            segment->find('/') != std::string::npos)
            return fail(malformed, "path: its parts must be plain names");
        result.path.push_back(std::move(*segment));
        if (slash == std::string_view::npos) break;
        path.remove_prefix(slash + 1);
    }
    if (mark == std::string_view::npos) return result;
    std::string_view query = target.substr(mark + 1);
    while (!query.empty()) {
        const size_t end = query.find('&');
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
        if (pair.empty()) continue;
        const size_t equals = pair.find('=');
        auto name = percent_decode(pair.substr(0, equals), true);
        auto value = percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true);
        // Firmware's texts (a serial number) may hold any byte.
        if (!name || !value || has_control(*name) || value->find('\0') != std::string::npos)
            return fail(malformed, "query: bad escape, control character in a name, or NUL");
        result.query.emplace(std::move(*name), std::move(*value));
    }
    return result;
}

}  // namespace berth::net
