// SPDX-License-Identifier: GPL-3.0-or-later
// A request's target and the small words in it: no input may crash, and what is accepted keeps its promises.
#include <cstdint>
#include <cstdlib>

#include "server/text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth::server;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto target = parse_target(text)) {
        for (const auto& part : target->path)
            if (part.empty() || part == "." || part == ".." || part.find('/') != std::string::npos ||
                part.find('\0') != std::string::npos)
                abort();
        for (const auto& [name, value] : target->query) {
            (void)parse_mac(value), (void)parse_uuid(value), (void)parse_name(value),
                (void)clean_serial(value);
            if (is_file_name(value) && value.find_first_of("/ \n$") != std::string::npos) abort();
        }
    }
    const auto range = parse_range(text, 1000);
    if (range.kind == ByteRange::part && (range.length == 0 || range.first + range.length > 1000)) abort();
    if (const auto mac = parse_mac(text); mac && parse_mac(*mac) != *mac) abort();
    if (const auto uuid = parse_uuid(text); uuid && !uuid->empty() && parse_uuid(*uuid) != *uuid) abort();
    (void)is_authority(text);
    return 0;
}
