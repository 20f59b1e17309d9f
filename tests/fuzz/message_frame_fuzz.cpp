// SPDX-License-Identifier: GPL-3.0-or-later
// Frames between our processes (base/message.h): whatever comes, take_frame neither crashes nor loops, and
// what it accepts goes out again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string buffer(reinterpret_cast<const char*>(data), size);
    while (true) {
        const size_t before = buffer.size();
        auto body = berth::take_frame(buffer);
        if (!body || !*body) return 0;
        if (buffer.size() >= before) std::abort();
        if (auto frame = berth::make_frame(**body); frame) {
            auto again = berth::take_frame(*frame);
            if (!again || !*again) std::abort();
        }
    }
}
