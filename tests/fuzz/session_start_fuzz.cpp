// SPDX-License-Identifier: GPL-3.0-or-later
// What the greeter says to the session, the first message among it.
#include <cctype>

#include "greeter/protocol/protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
    using namespace berth;
    Message message{.body = nlohmann::json::parse(data, data + size, nullptr, /*allow_exceptions=*/false),
                    .fd = {}};
    const auto known = protocol::read<protocol::ToSession>(message);
    const auto* start = known ? std::get_if<protocol::Start>(&*known) : nullptr;
    if (start == nullptr) return 0;
    if (start->session.empty()) __builtin_trap();
    for (const unsigned char c : start->session)
        if (std::isalnum(c) == 0 && c != '-') __builtin_trap();
    return 0;
}
