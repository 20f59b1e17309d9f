// SPDX-License-Identifier: GPL-3.0-or-later
// Is something on a guest's screen yet? Pure.
#pragma once

#include <cstddef>
#include <cstdint>

namespace berth::screen {

/// A picture as a SPICE display channel has it (32 bits xRGB, or 16).
struct Pixels {
    const uint8_t* data = nullptr;
    size_t width = 0, height = 0, stride = 0;  ///< In pixels; in bytes.
    size_t bytes = 4;                          ///< Of a pixel: 4 or 2.
};

/// Also of an empty picture.
bool is_one_colour(const Pixels& pixels);

}  // namespace berth::screen
