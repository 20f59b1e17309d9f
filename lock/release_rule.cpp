// SPDX-License-Identifier: GPL-3.0-or-later
#include "lock/release_rule.h"

namespace berth::lock {

std::optional<BootTime> release_from(WriterEnd end, std::optional<BootTime> write_lost, Duration sweep_wait) {
    if (end == WriterEnd::lost || end == WriterEnd::died) return std::nullopt;
    return write_lost ? *write_lost + sweep_wait : BootTime{};
}

}  // namespace berth::lock
