// SPDX-License-Identifier: GPL-3.0-or-later
// A guest's volume: it is the guest that turns it, and the player that applies it. Pure.
#pragma once

#include <cstdint>
#include <span>

namespace berth::screen {

/// Interleaved samples, each by the volume of its channel (65535: as it is). Without a volume they stay.
void apply_volume(std::span<int16_t> samples, std::span<const uint16_t> volume);

}  // namespace berth::screen
