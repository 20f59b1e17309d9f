// SPDX-License-Identifier: GPL-3.0-or-later
// What anybody with write access may leave in lock.<n> and last-used.<n>.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lock/record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    auto last = lock::parse_last_used({reinterpret_cast<const char*>(data), size});
    if (!last) return 0;
    // What was accepted can be written and is accepted again, as itself.
    const std::string text = lock::format_last_used(*last);
    auto again = lock::parse_last_used(text);
    if (!again || again->record.nonce != last->record.nonce || again->record.cache != last->record.cache ||
        again->record.sequence != last->record.sequence || again->disks.size() != last->disks.size())
        std::abort();
    if (lock::format_last_used(*again) != text) std::abort();
    // A renewal is one WRITE of constant size.
    if (lock::format_lock_record(last->record).size() != lock::k_lock_record_size) std::abort();
    return 0;
}
