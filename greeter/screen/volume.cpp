// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/screen/volume.h"

namespace berth::screen {

void apply_volume(std::span<int16_t> samples, std::span<const uint16_t> volume) {
    if (volume.empty()) return;
    for (size_t i = 0; i < samples.size(); ++i)
        samples[i] = static_cast<int16_t>(samples[i] * int64_t{volume[i % volume.size()]} / UINT16_MAX);
}

}  // namespace berth::screen
