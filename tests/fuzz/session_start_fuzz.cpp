// SPDX-License-Identifier: GPL-3.0-or-later
// The greeter's first message.
#include "greeter/session/front_end.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
    const auto body = nlohmann::json::parse(data, data + size, nullptr, /*allow_exceptions=*/false);
    if (body.is_object()) (void)berth::session::parse_start(body);
    return 0;
}
