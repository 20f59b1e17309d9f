// SPDX-License-Identifier: GPL-3.0-or-later
// berth.toml and boot.json: the first byte says which; and any word as a location, a URL and an address that
// goes to nft(8).
#include <algorithm>

#include "base/record/boot_record.h"
#include "base/text.h"
#include "greeter/session/resources/guest_firewall.h"
#include "greeter/site/client_config.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (data[0] == 'b')
        (void)berth::parse_boot_record(text);
    else
        (void)berth::parse_client_config(text, "berth.toml");
    if (const auto location = berth::parse_location(text);
        location && berth::parse_location(berth::format_location(*location)) != location)
        __builtin_trap();
    (void)berth::session::host_of_url(text);
    // Lines are commands there: an address adds two and begins none of its own.
    const auto lines = [](const std::string& script) {
        return std::count(script.begin(), script.end(), '\n');
    };
    const auto script = berth::session::guest_firewall_script({{std::string(text), 2049}});
    if (script && lines(*script) != lines(*berth::session::guest_firewall_script({})) + 2) __builtin_trap();
    return 0;
}
