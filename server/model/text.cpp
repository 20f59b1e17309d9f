// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/model/text.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/plain_text.h"

namespace berth::server {
namespace {

constexpr size_t k_shown = 80;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

bool all_of(std::string_view text, auto predicate) {
    return std::all_of(text.begin(), text.end(), predicate);
}

std::optional<uint64_t> parse_number(std::string_view text) {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

}  // namespace

Result<std::string> parse_hex_pairs(std::string_view text) {
    std::string mac = normal_mac(text);
    if (mac.empty())
        return fail(ErrorCode::P06, "MAC \"{}\": must be six hex pairs such as 52:54:00:12:34:56",
                    printable(text, k_shown));
    return mac;
}

Result<std::string> parse_mac(std::string_view text) {
    auto mac = parse_hex_pairs(text);
    if (mac && station_mac(*mac).empty())
        return fail(ErrorCode::P06,
                    "MAC \"{}\": must be one station's address, neither a group's nor all zeros",
                    printable(text, k_shown));
    return mac;
}

Result<std::string> parse_uuid(std::string_view text) {
    std::string uuid = normal_uuid(text);
    if (uuid.empty())
        return fail(ErrorCode::P06, "UUID \"{}\": must be hex digits as 8-4-4-4-12",
                    printable(text, k_shown));
    return uuid;
}

Result<std::string> parse_name(std::string_view text) {
    const bool good = !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
                      all_of(text, [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
    if (!good)
        return fail(ErrorCode::P06, "name \"{}\": must be 1 to 63 of a-z, 0-9 and '-', not at an end",
                    printable(text, k_shown));
    return std::string(text);
}

bool is_record_id(std::string_view text) {
    return text.size() >= 6 && text.size() <= 14 && text.starts_with("m-") &&
           all_of(text.substr(2), is_digit);
}

bool is_base_url(std::string_view text) {
    constexpr std::string_view k_scheme = "http://";
    return text.starts_with(k_scheme) && is_authority(text.substr(k_scheme.size()));
}

std::string clean_serial(std::string_view text) {
    std::string out;
    for (char c : text)
        if (is_printable_ascii(c) && !(c == ' ' && out.empty()) && out.size() < 64) out += c;
    while (out.ends_with(' ')) out.pop_back();
    return out;
}

ByteRange parse_range(std::string_view header, uint64_t size) {
    const ByteRange whole{ByteRange::whole, 0, size};
    constexpr std::string_view k_unit = "bytes=";
    if (!header.starts_with(k_unit)) return whole;
    header.remove_prefix(k_unit.size());
    const size_t dash = header.find('-');
    if (dash == std::string_view::npos || header.find(',') != std::string_view::npos) return whole;
    const auto first = parse_number(header.substr(0, dash)), last = parse_number(header.substr(dash + 1));
    const bool open_end = dash + 1 == header.size();
    if (dash == 0) {
        if (!last) return whole;
        if (*last == 0 || size == 0) return {ByteRange::unsatisfiable, 0, 0};
        const uint64_t length = std::min(*last, size);
        return {ByteRange::part, size - length, length};
    }
    if (!first || (!last && !open_end) || (last && *last < *first)) return whole;
    if (*first >= size) return {ByteRange::unsatisfiable, 0, 0};
    const uint64_t stop = last ? std::min(*last, size - 1) : size - 1;
    return {ByteRange::part, *first, stop - *first + 1};
}

}  // namespace berth::server
