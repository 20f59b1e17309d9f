// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/setup/data_mark.h"

#include <fmt/format.h>

#include <cstring>

#include "base/plain_text.h"
#include "base/text.h"
#include "bootstrap/manifest/digest.h"

namespace berth::boot {
namespace {

using namespace std::string_view_literals;
constexpr std::string_view k_head = "Berth data partition 1\n";
constexpr size_t k_longest = 200;
// Berth's type (k_data_partition_type) as a GPT has it: the first three parts little-endian.
constexpr std::string_view k_type = "\x72\xd6\x58\x12\x01\x59\x57\x48\x8d\x4d\xbc\xb9\x40\x59\xfb\xc2"sv;

bool is_zero(std::string_view bytes) {
    // Each byte equals the one before: many times as fast as a search.
    return bytes.empty() ||
           (bytes.front() == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

/// Takes a line off `text`; nullopt: it has none.
std::optional<std::string> take_line(std::string_view& text) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    std::string line(text.substr(0, end));
    text.remove_prefix(end + 1);
    return line;
}

/// Zeros, or an MBR without code that only protects a GPT.
bool is_protective(std::string_view sector) {
    return is_zero(sector) ||
           (is_zero(sector.substr(0, 446)) && sector[450] == '\xee' && sector.ends_with("\x55\xaa"sv));
}

/// Zeros, a GPT's header, or an entry of Berth's type, in each 128 bytes.
bool is_our_table(std::string_view bytes) {
    for (; !bytes.empty(); bytes.remove_prefix(128)) {
        const std::string_view part = bytes.substr(0, 128);
        if (!is_zero(part) && !part.starts_with("EFI PART"sv) && !part.starts_with(k_type)) return false;
    }
    return true;
}

}  // namespace

std::string format_data_mark(const DataMark& mark) {
    std::string text = fmt::format("{}{}\n{}\n{}\n", k_head, mark.made ? "made" : "making", mark.remade,
                                   printable(mark.lost, k_longest));
    text += to_hex(digest_of(text)) + "\n";
    text.resize(k_data_mark_bytes, '\0');
    return text;
}

std::optional<DataMark> parse_data_mark(std::string_view sector) {
    if (sector.size() != k_data_mark_bytes || !sector.starts_with(k_head)) return std::nullopt;
    std::string_view rest = sector.substr(k_head.size());
    const auto state = take_line(rest), remade = take_line(rest), lost = take_line(rest);
    if (!lost || (*state != "making" && *state != "made")) return std::nullopt;
    if (!remade->empty() && !is_data_setting(*remade)) return std::nullopt;
    if (printable(*lost, k_longest) != *lost) return std::nullopt;
    const auto text = sector.substr(0, sector.size() - rest.size());
    const auto digest = take_line(rest);
    if (!digest || *digest != to_hex(digest_of(text)) || !is_zero(rest)) return std::nullopt;
    return DataMark{.made = *state == "made", .remade = *remade, .lost = *lost};
}

uint64_t data_mark_offset(uint64_t partition_bytes) {
    return partition_bytes < k_min_data_partition ? 0 : (partition_bytes / k_mib - 1) * k_mib;
}

uint64_t whole_disk_partition(uint64_t disk_bytes) {
    return disk_bytes < 3 * k_mib ? 0 : (disk_bytes / k_mib - 2) * k_mib;
}

bool holds_only_our_table(std::string_view first_mib, std::string_view last_mib) {
    if (first_mib.size() != k_mib || last_mib.size() != k_mib) return false;
    // Where sectors have 4096 bytes, the longer: header and entries take 6 of them, and 5 in the copy.
    constexpr size_t k_first = 6 * 4096, k_last = 5 * 4096;
    return is_protective(first_mib.substr(0, 512)) && is_our_table(first_mib.substr(512, k_first - 512)) &&
           is_zero(first_mib.substr(k_first)) && is_zero(last_mib.substr(0, k_mib - k_last)) &&
           is_our_table(last_mib.substr(k_mib - k_last));
}

}  // namespace berth::boot
