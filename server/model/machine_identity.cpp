// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/model/machine_identity.h"

#include <algorithm>
#include <set>

#include "server/model/text.h"

namespace berth::server {
namespace {

bool is_in(std::string_view text, std::initializer_list<std::string_view> list) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

/// Its letters and digits, in lower case.
std::string squeezed(std::string_view text) {
    std::string out;
    for (const char c : lower_case(text))
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
    return out;
}

/// "12345678", "0123456789", "123456789abcdef": the keys in a row, four of them or more.
bool counts_up(std::string_view text) {
    constexpr std::string_view k_decimal = "01234567890123456789012345678901234567890123456789",
                               k_hex = "0123456789abcdef";
    if (text.size() < 4) return false;
    return k_decimal.starts_with(text) || k_decimal.substr(1).starts_with(text) || k_hex.starts_with(text) ||
           k_hex.substr(1).starts_with(text);
}

size_t distinct(std::string_view text, std::string_view but = "") {
    std::set<char> seen;
    for (char c : text)
        if (but.find(c) == std::string_view::npos) seen.insert(c);
    return seen.size();
}

/// A stored value counts only where it tells machines apart, whoever stored it.
std::string_view known_uuid(const Machine& record) {
    return is_placeholder_uuid(record.uuid) ? std::string_view() : record.uuid;
}
std::string_view known_serial(const Machine& record) {
    return is_placeholder_serial(record.serial) ? std::string_view() : record.serial;
}

bool equal_uuid(const Machine& record, const Hardware& seen) {
    return !seen.uuid.empty() && !known_uuid(record).empty() && same_uuid(record.uuid, seen.uuid);
}
bool equal_serial(const Machine& record, const Hardware& seen) {
    return !seen.serial.empty() && known_serial(record) == seen.serial;
}
bool differs(const Machine& record, const Hardware& seen) {
    return (!seen.uuid.empty() && !known_uuid(record).empty() && !same_uuid(record.uuid, seen.uuid)) ||
           (!seen.serial.empty() && !known_serial(record).empty() && record.serial != seen.serial);
}

}  // namespace

bool is_placeholder_mac(std::string_view mac) {
    // Zero and group addresses do not belong to a station; the others come with unprogrammed or copied card memories.
    return !parse_mac(mac) || distinct(mac, ":") == 1 ||
           is_in(mac, {"88:88:88:88:87:88", "00:00:00:00:00:01", "00:11:22:33:44:55", "00:01:02:03:04:05",
                       "00:12:34:56:78:90", "00:12:34:56:78:9a", "12:34:56:78:9a:bc", "02:00:00:00:00:00",
                       "aa:bb:cc:dd:ee:ff", "de:ad:be:ef:00:00", "00:de:ad:be:ef:00", "00:50:43:00:00:00",
                       "00:e0:4c:00:00:00", "00:e0:4c:36:00:01", "00:e0:4c:68:00:01", "fe:ff:ff:ff:ff:ff"});
}

bool is_placeholder_uuid(std::string_view uuid) {
    if (distinct(uuid, "-") <= 2) return true;  // None of a series that was given out looks so.
    static constexpr std::string_view k_known[]{
        "03000200-0400-0500-0006-000700080009",  // AMI's sample
        "12345678-1234-5678-90ab-cddeefaabbcc", "01234567-89ab-cdef-0123-456789abcdef",
        "00112233-4455-6677-8899-aabbccddeeff", "01020304-0506-0708-090a-0b0c0d0e0f10",
        "11111111-2222-3333-4444-555555555555", "12345678-1234-1234-1234-123456789012",
        "12345678-1234-1234-1234-123456789abc",
        "4c4c4544-0000-2010-8020-80c04f202020",  // a board whose service tag is blank
    };
    return std::ranges::find(k_known, uuid) != std::end(k_known) ||
           std::ranges::find(k_known, swapped_uuid(uuid)) != std::end(k_known);
}

bool is_placeholder_serial(std::string_view serial) {
    const std::string text = squeezed(serial);
    if (distinct(text) <= 1 || counts_up(text) || text.starts_with("tobefilled")) return true;
    return is_in(text, {"defaultstring",
                        "default",
                        "systemserialnumber",
                        "systemserial",
                        "chassisserialnumber",
                        "baseboardserialnumber",
                        "boardserialnumber",
                        "serialnumber",
                        "serialno",
                        "serial",
                        "sysserial",
                        "none",
                        "no",
                        "nothing",
                        "notspecified",
                        "notavailable",
                        "notapplicable",
                        "notpresent",
                        "notset",
                        "notdefined",
                        "notknown",
                        "unspecified",
                        "unknown",
                        "undefined",
                        "unavailable",
                        "invalid",
                        "empty",
                        "emptystring",
                        "string",
                        "null",
                        "na",
                        "oem",
                        "oemserial",
                        "systemproductname",
                        "systemmanufacturer",
                        "sernum0",
                        "ssn12345678901234567",
                        "ssn12345678901234567890",
                        "mb1234567890",
                        "bss0123456789",
                        "badindex",
                        "outofspec",
                        "test",
                        "sample"});
}

std::string swapped_uuid(std::string_view uuid) {
    if (uuid.size() != 36) return std::string(uuid);
    const auto reversed = [&](size_t at, size_t digits) {
        std::string out;
        for (size_t i = digits; i >= 2; i -= 2) out += uuid.substr(at + i - 2, 2);
        return out;
    };
    return reversed(0, 8) + "-" + reversed(9, 4) + "-" + reversed(14, 4) + std::string(uuid.substr(18));
}

bool same_uuid(std::string_view a, std::string_view b) {
    return a == b || a == swapped_uuid(b);
}

namespace {

/// Hex pairs, but not six: InfiniBand has twenty of them.
bool is_other_address(std::string_view text) {
    constexpr size_t k_longest = 32 * 3;
    if (text.size() < 2 || text.size() > k_longest || text.size() % 3 != 2) return false;
    for (size_t i = 0; i < text.size(); ++i)
        if (i % 3 == 2 ? text[i] != ':' && text[i] != '-' : !hex_value(text[i])) return false;
    return text.size() != 17;
}

}  // namespace

Result<Hardware> parse_hardware(std::string_view mac, std::string_view uuid, std::string_view serial) {
    Hardware hardware;
    const auto pairs = parse_hex_pairs(mac);
    if (!pairs && !mac.empty() && !is_other_address(mac))
        return fail(ErrorCode::P01, "{}", pairs.error().detail());
    if (pairs && !is_placeholder_mac(*pairs)) hardware.mac = *pairs;
    // iPXE sends an empty value for what the firmware does not tell.
    if (!uuid.empty()) {
        const auto parsed = parse_uuid(uuid);
        if (!parsed) return fail(ErrorCode::P01, "{}", parsed.error().detail());
        if (!is_placeholder_uuid(*parsed)) hardware.uuid = *parsed;
    }
    const std::string cleaned = clean_serial(serial);
    if (!is_placeholder_serial(cleaned)) hardware.serial = cleaned;
    return hardware;
}

Identification identify(const Hardware& seen, std::span<const Machine> records) {
    const Machine* by_mac = nullptr;
    std::vector<const Machine*> boards;  // UUID and serial both stored and both equal
    for (const Machine& record : records) {
        if (!seen.mac.empty() && std::ranges::find(record.macs, seen.mac) != record.macs.end())
            by_mac = &record;
        if (equal_uuid(record, seen) && equal_serial(record, seen)) boards.push_back(&record);
    }
    if (by_mac != nullptr && !differs(*by_mac, seen)) {
        // A card that was recorded alone, in a machine that is known as another's: whose it is nobody knows.
        const bool only_card = !equal_uuid(*by_mac, seen) && !equal_serial(*by_mac, seen);
        const bool rival = std::ranges::any_of(boards, [&](const Machine* b) { return b != by_mac; });
        if (only_card && rival) return {Match::conflict, by_mac->id, by_mac->id};
        return {Match::found, by_mac->id, {}};
    }
    if (boards.size() == 1) {
        if (by_mac != nullptr) return {Match::found, boards[0]->id, by_mac->id};
        return {seen.mac.empty() ? Match::found : Match::mac_added, boards[0]->id, {}};
    }
    if (by_mac != nullptr) return {Match::conflict, by_mac->id, by_mac->id};
    if (!boards.empty()) return {Match::conflict, boards[0]->id, {}};
    return {};
}

bool can_be_recorded(const Hardware& seen, const Identification& who) {
    return (!seen.uuid.empty() && !seen.serial.empty()) || (!seen.mac.empty() && who.card_of.empty());
}

bool learn(Machine& record, const Hardware& seen, const Identification& who) {
    if (who.match != Match::found && who.match != Match::mac_added) return false;
    bool news = false;
    if (known_uuid(record).empty() && !seen.uuid.empty()) record.uuid = seen.uuid, news = true;
    if (known_serial(record).empty() && !seen.serial.empty()) record.serial = seen.serial, news = true;
    if (who.match == Match::mac_added && record.macs.size() < k_max_macs) {
        record.macs.push_back(seen.mac);
        news = true;
    }
    return news;
}

}  // namespace berth::server
