// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/screen/one_colour.h"

#include <cstring>

namespace berth::screen {
namespace {

/// The x of xRGB says nothing.
uint32_t colour_at(const uint8_t* at, size_t bytes) {
    uint32_t pixel = 0;
    std::memcpy(&pixel, at, bytes);
    return pixel & 0xffffff;
}

}  // namespace

bool is_one_colour(const Pixels& pixels) {
    if (pixels.data == nullptr || pixels.width == 0 || pixels.height == 0) return true;
    const uint32_t first = colour_at(pixels.data, pixels.bytes);
    for (size_t y = 0; y < pixels.height; ++y) {
        const uint8_t* row = pixels.data + y * pixels.stride;
        for (size_t x = 0; x < pixels.width; ++x)
            if (colour_at(row + x * pixels.bytes, pixels.bytes) != first) return false;
    }
    return true;
}

}  // namespace berth::screen
