// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/screen/placing.h"

#include <gtest/gtest.h>

#include <limits>

namespace berth::screen {
namespace {

constexpr Size k_window{1280, 720};

TEST(Placing, fills_the_window_with_a_picture_of_its_size) {
    EXPECT_EQ(place({1280, 720}, k_window), (Placing{1, {0, 0, 1280, 720}}));
}

TEST(Placing, is_in_the_middle_larger_and_smaller) {
    EXPECT_EQ(place({320, 200}, k_window), (Placing{3.6, {64, 0, 1152, 720}}));
    EXPECT_EQ(place({1024, 768}, k_window), (Placing{0.9375, {160, 0, 960, 720}}));
    EXPECT_EQ(place({2560, 800}, k_window), (Placing{0.5, {0, 160, 1280, 400}}));
}

TEST(Placing, changes_the_same_part_of_a_picture_of_its_size) {
    EXPECT_EQ(changed_by({10, 20, 30, 40}, place({1280, 720}, k_window)), (Rect{10, 20, 30, 40}));
}

TEST(Placing, changes_the_neighbours_too_where_it_is_scaled) {
    EXPECT_EQ(changed_by({10, 20, 30, 40}, place({640, 360}, k_window)), (Rect{18, 38, 64, 84}));
    EXPECT_EQ(changed_by({10, 20, 30, 40}, place({2560, 1440}, k_window)), (Rect{3, 8, 19, 24}));
}

TEST(Placing, changes_nothing_outside_of_the_picture) {
    const Placing placing = place({320, 200}, k_window);
    EXPECT_EQ(changed_by({0, 0, 320, 200}, placing), placing.at);
    EXPECT_EQ(changed_by({400, 300, 10, 10}, placing).width, 0);
}

TEST(Placing, is_changed_by_no_number_of_a_server_outside_of_the_picture) {
    constexpr int k_most = std::numeric_limits<int>::max(), k_least = std::numeric_limits<int>::min();
    const Placing placing = place({320, 200}, k_window);
    EXPECT_EQ(changed_by({k_least, k_least, k_most, k_most}, placing), (Rect{64, 0, 1, 1}));
    EXPECT_EQ(changed_by({0, 0, k_most, k_most}, placing), placing.at);
    EXPECT_EQ(changed_by({k_most, k_most, k_most, k_most}, placing), (Rect{1216, 720, 0, 0}));
    EXPECT_EQ(changed_by({10, 10, k_least, k_least}, placing).width, 0);
}

}  // namespace
}  // namespace berth::screen
