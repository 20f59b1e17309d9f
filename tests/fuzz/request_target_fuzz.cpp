// SPDX-License-Identifier: GPL-3.0-or-later
// A request's target and the small words in it: no input may crash, and what is accepted keeps its promises.
#include <cstdint>
#include <cstdlib>

#include "net/request_target.h"
#include "server/model/machine_identity.h"
#include "server/model/text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth::server;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto target = berth::net::parse_target(text, berth::ErrorCode::P01)) {
        for (const auto& part : target->path)
            if (part.empty() || part == "." || part == ".." || part.find('/') != std::string::npos ||
                part.find('\0') != std::string::npos)
                abort();
        for (const auto& [name, value] : target->query) {
            (void)parse_mac(value), (void)parse_uuid(value), (void)parse_name(value),
                (void)clean_serial(value);
            if (berth::is_file_name(value) && value.find_first_of("/ \n$") != std::string::npos) abort();
        }
    }
    const auto range = parse_range(text, 1000);
    if (range.kind == ByteRange::part && (range.length == 0 || range.first + range.length > 1000)) abort();
    if (const auto mac = parse_mac(text); mac && parse_mac(*mac) != *mac) abort();
    if (const auto uuid = parse_uuid(text); uuid && !uuid->empty() && parse_uuid(*uuid) != *uuid) abort();
    // What a request says of its hardware: kept values are not placeholders, and the same when they are sent
    // again.
    const size_t third = text.size() / 3;
    for (const auto& mac : {text, std::string_view("52:54:00:00:00:01")})
        if (const auto seen = parse_hardware(mac, text.substr(0, third), text.substr(third))) {
            if (*parse_hardware(mac, seen->uuid, seen->serial) != *seen) abort();
            if (!seen->uuid.empty() && swapped_uuid(swapped_uuid(seen->uuid)) != seen->uuid) abort();
            Machine other{.id = "m-0001", .macs = {"52:54:00:00:00:02"}, .uuid = "x", .serial = "y"};
            if (identify(*seen, {&other, 1}).match != Match::unknown && seen->mac != other.macs[0]) abort();
        }
    (void)is_placeholder_serial(text), (void)is_placeholder_uuid(text), (void)is_placeholder_mac(text);
    (void)berth::is_authority(text);
    return 0;
}
