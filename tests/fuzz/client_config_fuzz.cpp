// SPDX-License-Identifier: GPL-3.0-or-later
// berth.toml and boot.json: the first byte says which.
#include "greeter/session/client_config.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (data[0] == 'b')
        (void)berth::session::parse_boot_facts(text, "boot.json");
    else
        (void)berth::session::parse_client_config(text, "berth.toml");
    (void)berth::session::parse_location(text);
    return 0;
}
