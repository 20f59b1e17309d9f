// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/levels/level.h"

#include <gtest/gtest.h>

namespace berth::levels {
namespace {

TEST(Level, is_in_percent_what_the_device_has_between_two_numbers) {
    EXPECT_EQ(percent_of(0, {0, 87}), 0);
    EXPECT_EQ(percent_of(87, {0, 87}), 100);
    EXPECT_EQ(percent_of(44, {0, 87}), 51);
    EXPECT_EQ(percent_of(-64, {-127, -1}), 50);
    EXPECT_EQ(percent_of(-500, {-127, -1}), 0);
    EXPECT_EQ(percent_of(9000, {0, 7}), 100);
    EXPECT_EQ(percent_of(3, {5, 5}), 0) << "a range of one number";
    EXPECT_EQ(value_of(3, {5, 5}), 5);
}

constexpr Range k_hda{0, 87};

TEST(Level, is_set_to_be_heard_where_a_card_comes_silent) {
    const Setting silent{.value = 0, .on = false};
    EXPECT_EQ(awakened({"Master", true}, silent, k_hda, true), (Setting{.value = 61, .on = true}));
    EXPECT_EQ(awakened({"Speaker", true}, silent, k_hda, false), (Setting{.value = 87, .on = true}));
    EXPECT_EQ(awakened({"Sound", true}, silent, k_hda, true), (Setting{.value = 61, .on = true}));
}

TEST(Level, stays_as_loud_as_it_is_where_a_card_was_only_off) {
    EXPECT_EQ(awakened({"Master", true}, {.value = 12, .on = false}, k_hda, true),
              (Setting{.value = 12, .on = true}));
    EXPECT_EQ(awakened({"Master", true}, {.value = 12, .on = true}, k_hda, true), std::nullopt);
    EXPECT_EQ(awakened({"Master", true}, {.value = 5, .on = true}, {5, 5}, true), std::nullopt)
        << "one number only";
    EXPECT_EQ(awakened({"Speaker", true}, {.value = 0, .on = false}, {}, false),
              (Setting{.value = 0, .on = true}))
        << "a switch without a volume";
}

TEST(Level, stays_as_it_is_where_it_leads_elsewhere) {
    for (const char* name : {"Mic", "Loopback Mixing", "Beep"})
        EXPECT_EQ(awakened({name, true}, {.value = 0, .on = false}, k_hda, false), std::nullopt) << name;
    EXPECT_EQ(awakened({"Master", false}, {.value = 0, .on = false}, k_hda, true), std::nullopt);
}

TEST(Level, comes_back_from_percent_wherever_the_device_is_as_fine) {
    for (const Range range : {Range{0, 100}, Range{-300, 712}, Range{1, 65535}})
        for (int percent = 0; percent <= 100; ++percent)
            EXPECT_EQ(percent_of(value_of(percent, range), range), percent);
    EXPECT_EQ(value_of(-5, {10, 20}), 10);
    EXPECT_EQ(value_of(130, {10, 20}), 20);
}

TEST(Level, goes_to_the_next_multiple_of_the_step) {
    EXPECT_EQ(stepped(43, {0, 100}, 5, true), 45);
    EXPECT_EQ(stepped(43, {0, 100}, 5, false), 40);
    EXPECT_EQ(stepped(45, {0, 100}, 5, true), 50);
    EXPECT_EQ(stepped(45, {0, 100}, 5, false), 40);
}

TEST(Level, ends_at_its_ends) {
    EXPECT_EQ(stepped(98, {0, 100}, 5, true), 100);
    EXPECT_EQ(stepped(100, {0, 100}, 5, true), 100);
    EXPECT_EQ(stepped(2, {0, 100}, 5, false), 0);
    EXPECT_EQ(stepped(0, {0, 100}, 5, false), 0);
    EXPECT_EQ(stepped(10, {0, 100}, 10, false, 5), 5);
    EXPECT_EQ(stepped(5, {0, 100}, 10, false, 5), 5);
    EXPECT_EQ(stepped(1, {0, 100}, 10, false, 5), 5) << "what was darker comes to the least";
}

TEST(Level, moves_with_each_step_however_coarse_the_device_is) {
    for (const long most : {1L, 2L, 3L, 7L, 15L}) {
        long value = 0;
        for (int steps = 0; value < most; ++steps) {
            const long next = stepped(value, {0, most}, 5, true);
            ASSERT_GT(next, value) << most;
            ASSERT_LE(steps, 20);
            value = next;
        }
        while (value > 0) {
            const long next = stepped(value, {0, most}, 5, false);
            ASSERT_LT(next, value) << most;
            value = next;
        }
    }
}

TEST(ChooseElement, takes_the_master_else_the_first_that_has_a_volume) {
    EXPECT_EQ(choose_element({{"Headphone", true}, {"Master", true}}), 1U);
    EXPECT_EQ(choose_element({{"Mic", false}, {"PCM", true}, {"Speaker", true}}), 1U);
    EXPECT_EQ(choose_element({{"Master", false}, {"Digital", true}}), 1U);
    EXPECT_EQ(choose_element({{"Mic", false}}), std::nullopt);
    EXPECT_EQ(choose_element({}), std::nullopt);
}

TEST(ChooseBacklight, prefers_the_firmwares_then_the_platforms) {
    EXPECT_EQ(choose_backlight({{"intel_backlight", "raw"}, {"acpi_video0", "firmware"}}), 1U);
    EXPECT_EQ(choose_backlight({{"intel_backlight", "raw"}, {"dell", "platform"}}), 1U);
    EXPECT_EQ(choose_backlight({{"b", "raw"}, {"a", "raw"}, {"0", "odd"}}), 1U);
    EXPECT_EQ(choose_backlight({}), std::nullopt);
}

}  // namespace
}  // namespace berth::levels
