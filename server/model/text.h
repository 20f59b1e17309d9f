// SPDX-License-Identifier: GPL-3.0-or-later
// The small words of the provisioner's world, checked and brought to one form; base/text.h has those that a
// workstation reads too. Everything here is pure and takes hostile text. Errors are P06 with the valid range
// in the detail.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace berth::server {

/// "aa:bb:cc:dd:ee:ff" from six hex pairs with ':' or '-' between them or nothing.
Result<std::string> parse_hex_pairs(std::string_view text);
/// The same, and neither a group address nor all zeros.
Result<std::string> parse_mac(std::string_view text);
/// 8-4-4-4-12 hex digits, lower case. Which of them name a machine: is_placeholder_uuid().
Result<std::string> parse_uuid(std::string_view text);
/// A host name label: [a-z0-9] and inner '-', 1 to 63.
Result<std::string> parse_name(std::string_view text);
/// A record's id as the database makes them: "m-" and 4 to 12 digits. A workstation takes more
/// (is_machine_id).
bool is_record_id(std::string_view text);
/// "http://host[:port]" without anything behind it.
bool is_base_url(std::string_view text);
/// Of an SMBIOS serial number printable ASCII is kept, at most 64, without blanks at its ends. Which of them
/// name a machine: is_placeholder_serial().
std::string clean_serial(std::string_view text);

/// One range of RFC 9110 14.1.2 against a file of `size` bytes.
struct ByteRange {
    enum Kind { whole, part, unsatisfiable } kind = whole;
    uint64_t first = 0, length = 0;
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};
/// A header that is absent, malformed or lists several ranges means the whole file (which the RFC allows).
ByteRange parse_range(std::string_view header, uint64_t size);

}  // namespace berth::server
