// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "base/plain_text.h"

namespace berth {
namespace {

bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

char lower_letter(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr std::string_view k_hex_digits = "0123456789abcdef";

/// Whether inet_pton(3) reads it; it would not look at what is behind a NUL.
bool is_address(int family, std::string_view text) {
    unsigned char address[sizeof(in6_addr)];
    return text.size() < INET6_ADDRSTRLEN && text.find('\0') == std::string_view::npos &&
           inet_pton(family, std::string(text).c_str(), address) == 1;
}

/// 1 to `longest` of letters, digits and `more`.
bool made_of(std::string_view text, std::string_view more, size_t longest) {
    return !text.empty() && text.size() <= longest && std::ranges::all_of(text, [&](char c) {
        return is_alnum(c) || more.find(c) != std::string_view::npos;
    });
}

/// Whether `good` holds for every part between `separator`s.
template <typename F>
bool every_part(std::string_view text, char separator, F&& good) {
    while (true) {
        const size_t end = text.find(separator);
        if (!good(text.substr(0, end))) return false;
        if (end == std::string_view::npos) return true;
        text.remove_prefix(end + 1);
    }
}

bool are_labels(std::string_view text, std::string_view more) {
    return every_part(text, '.', [&](std::string_view label) {
        return made_of(label, more, 63) && label.front() != '-' && label.back() != '-';
    });
}

bool has_dots_part(std::string_view path) {
    return !every_part(path, '/', [](std::string_view part) { return part != ".."; });
}

}  // namespace

bool is_host_name(std::string_view text) {
    return text.size() <= 64 && are_labels(text, "-");
}

bool is_ipv4(std::string_view text) {
    return is_address(AF_INET, text);
}

bool is_ipv6(std::string_view text) {
    return is_address(AF_INET6, text);
}

bool is_host_or_address(std::string_view text) {
    if (text.find(':') != std::string_view::npos) return is_ipv6(text);
    if (text.size() > 1 && text.ends_with('.')) text.remove_suffix(1);
    return text.size() <= 253 && are_labels(text, "-_");
}

std::optional<std::string> parse_host(std::string_view text) {
    if (text.starts_with('[') && text.ends_with(']') && text.size() > 2) {
        text = text.substr(1, text.size() - 2);
        return is_ipv6(text) ? std::optional(std::string(text)) : std::nullopt;
    }
    return is_host_or_address(text) ? std::optional(std::string(text)) : std::nullopt;
}

std::string bracketed(std::string_view host) {
    const bool colon = host.find(':') != std::string_view::npos;
    return (colon ? "[" : "") + std::string(host) + (colon ? "]" : "");
}

std::optional<Authority> parse_authority(std::string_view text) {
    std::optional<uint16_t> port;
    if (const size_t colon = text.rfind(':'); colon != std::string_view::npos && !text.ends_with(']')) {
        port = parse_port(text.substr(colon + 1));
        if (port.value_or(0) == 0) return std::nullopt;
        text = text.substr(0, colon);
    }
    if (text.starts_with('[') != (text.find(':') != std::string_view::npos)) return std::nullopt;
    auto host = parse_host(text);
    return host ? std::optional(Authority{std::move(*host), port}) : std::nullopt;
}

bool is_authority(std::string_view text) {
    return parse_authority(text).has_value();
}

bool is_plain_name(std::string_view name) {
    return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
           name.find('/') == name.npos && name.find('\0') == name.npos;
}

bool is_server_path(std::string_view text) {
    return text.starts_with('/') && text.size() <= 4096 && is_plain_text(text) && !has_dots_part(text);
}

bool is_record_path(std::string_view text) {
    return text.starts_with('/') && made_of(text, "/._-+@{}", 1024) && !has_dots_part(text);
}

std::optional<NfsLocation> parse_location(std::string_view text) {
    const size_t end = text.starts_with('[') ? text.find(']') : text.find(':');
    if (end == std::string_view::npos) return std::nullopt;
    const size_t colon = text.starts_with('[') ? end + 1 : end;
    if (text.substr(colon, 1) != ":") return std::nullopt;
    auto host = parse_host(text.substr(0, colon));
    const std::string_view path = text.substr(colon + 1);
    if (!host || !is_server_path(path)) return std::nullopt;
    return NfsLocation{.server = std::move(*host), .directory = std::string(path)};
}

std::string format_location(const NfsLocation& location) {
    return bracketed(location.server) + ":" + location.directory;
}

bool is_record_location(std::string_view text) {
    const auto location = parse_location(text);
    return location && is_record_path(location->directory);
}

bool is_keymap(std::string_view text) {
    return made_of(text, "_-", 32) && text.front() != '-';
}

bool is_disk_name(std::string_view text) {
    return made_of(text, "-", 32) && lower_case(text) == text;
}

bool is_time_zone(std::string_view text) {
    return text.size() <= 64 && every_part(text, '/', [](std::string_view part) {
               return made_of(part, "_+-", 32) && part.front() != '-';
           });
}

bool is_interface_name(std::string_view text) {
    return made_of(text, "._-", 15) && text.front() != '-' && text != "." && text != "..";
}

bool is_guest_address(std::string_view text) {
    return text == "any" || text == "leased";
}

bool is_file_name(std::string_view text) {
    return made_of(text, "._-", 128) && text.front() != '.';
}

bool is_machine_id(std::string_view text) {
    return made_of(text, "._:-", 64) && is_alnum(text.front());
}

bool is_console(std::string_view text) {
    return (text.starts_with("tty") || text.starts_with("hvc")) && made_of(text, "", 16);
}

bool is_boot_token(std::string_view text) {
    return made_of(text, "_-", 128);
}

bool is_data_setting(std::string_view text) {
    if (!is_remake(text)) return text == "none" || text == "auto";
    text.remove_prefix(std::string_view("remake").size());
    return text.empty() || (text.front() == '-' && made_of(text.substr(1), "", 32));
}

bool is_remake(std::string_view data_setting) {
    return data_setting.starts_with("remake");
}

std::optional<uint16_t> parse_port(std::string_view text) {
    uint16_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), lower_letter);
    return out;
}

std::optional<unsigned> hex_value(char digit) {
    const size_t value = k_hex_digits.find(lower_letter(digit));
    return value == std::string_view::npos ? std::nullopt : std::optional(static_cast<unsigned>(value));
}

std::string to_hex(std::span<const unsigned char> bytes) {
    std::string out;
    for (const unsigned char byte : bytes) out += {k_hex_digits[byte >> 4], k_hex_digits[byte & 15]};
    return out;
}

bool is_hex(std::string_view text) {
    return !text.empty() && text.find_first_not_of(k_hex_digits) == std::string_view::npos;
}

bool is_nonce(std::string_view text) {
    return text.size() == 32 && is_hex(text);
}

bool is_digest(std::string_view text) {
    return text.size() == 64 && is_hex(text);
}

std::string normal_mac(std::string_view text) {
    const bool separated = text.size() == 17;
    if (!separated && text.size() != 12) return {};
    std::string mac;
    for (size_t i = 0; i < text.size(); ++i) {
        if (separated && i % 3 == 2) {
            if (text[i] != text[2] || (text[i] != ':' && text[i] != '-')) return {};
            continue;
        }
        if (!hex_value(text[i])) return {};
        if (mac.size() % 3 == 2) mac += ':';
        mac += lower_letter(text[i]);
    }
    return mac;
}

std::string station_mac(std::string_view text) {
    std::string mac = normal_mac(text);
    // Bit 0 of the first byte: a group's (IEEE 802).
    if (mac == "00:00:00:00:00:00" ||
        (!mac.empty() && std::string_view("13579bdf").find(mac[1]) != std::string_view::npos))
        mac.clear();
    return mac;
}

std::string normal_uuid(std::string_view text) {
    if (text.size() != 36) return {};
    for (size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !hex_value(text[i])) return {};
    }
    return lower_case(text);
}

std::string format_mac(const std::array<unsigned char, 6>& bytes) {
    return normal_mac(to_hex(bytes));
}

std::string format_uuid(const std::array<unsigned char, 16>& bytes) {
    std::string text = to_hex(bytes);
    for (const size_t dash : {8, 13, 18, 23}) text.insert(dash, 1, '-');
    return text;
}

}  // namespace berth
