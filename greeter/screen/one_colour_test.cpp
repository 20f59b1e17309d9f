// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/screen/one_colour.h"

#include <gtest/gtest.h>

#include <vector>

namespace berth::screen {
namespace {

TEST(OneColour, is_what_has_no_other_pixel_whatever_is_in_the_unused_byte) {
    std::vector<uint8_t> bytes(16 * 4 * 3, 0x20);
    Pixels pixels{.data = bytes.data(), .width = 15, .height = 3, .stride = 64, .bytes = 4};
    EXPECT_TRUE(is_one_colour(pixels));
    bytes[3] = 0xff;
    EXPECT_TRUE(is_one_colour(pixels)) << "x of xRGB";
    bytes[64 + 15 * 4] = 0xff;
    EXPECT_TRUE(is_one_colour(pixels)) << "behind the row";
    bytes[2 * 64 + 14 * 4] = 0x21;
    EXPECT_FALSE(is_one_colour(pixels)) << "the last pixel";
}

TEST(OneColour, is_read_of_pixels_of_two_bytes) {
    std::vector<uint8_t> bytes{1, 2, 1, 2, 1, 3};
    EXPECT_FALSE(is_one_colour({.data = bytes.data(), .width = 3, .height = 1, .stride = 6, .bytes = 2}));
    EXPECT_TRUE(is_one_colour({.data = bytes.data(), .width = 2, .height = 1, .stride = 6, .bytes = 2}));
}

TEST(OneColour, is_a_picture_without_pixels) {
    EXPECT_TRUE(is_one_colour({}));
}

}  // namespace
}  // namespace berth::screen
