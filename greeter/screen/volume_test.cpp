// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/screen/volume.h"

#include <gtest/gtest.h>

#include <vector>

namespace berth::screen {
namespace {

TEST(Volume, is_that_of_each_sample_s_channel) {
    std::vector<int16_t> samples{1000, 1000, -32768, -32768, 32767, 32767};
    apply_volume(samples, std::vector<uint16_t>{65535, 32768});
    EXPECT_EQ(samples, (std::vector<int16_t>{1000, 500, -32768, -16384, 32767, 16383}));
}

TEST(Volume, leaves_all_as_it_is_where_the_guest_says_none) {
    std::vector<int16_t> samples{1, -2, 3};
    apply_volume(samples, {});
    EXPECT_EQ(samples, (std::vector<int16_t>{1, -2, 3}));
}

TEST(Volume, makes_silence_where_it_is_zero) {
    std::vector<int16_t> samples{1, -2, 32767};
    apply_volume(samples, std::vector<uint16_t>{0});
    EXPECT_EQ(samples, (std::vector<int16_t>{0, 0, 0}));
}

}  // namespace
}  // namespace berth::screen
