// SPDX-License-Identifier: GPL-3.0-or-later
// What is pure of it, and what becomes of it without uinput. Grabbing needs a kernel of its own.
#include "greeter/supervisor/keyboards.h"

#include <gmock/gmock.h>

#include <initializer_list>

#include "tests/testing/recording_report.h"

namespace berth::supervisor {
namespace {

KeyCodes codes(std::initializer_list<size_t> list) {
    KeyCodes codes;
    for (const size_t code : list) codes.set(code);
    return codes;
}

KeyCodes range(size_t first, size_t last) {
    KeyCodes codes;
    for (size_t code = first; code <= last; ++code) codes.set(code);
    return codes;
}

TEST(IsKeyboard, is_what_has_a_key) {
    EXPECT_TRUE(is_keyboard(range(KEY_ESC, KEY_MICMUTE)));
    EXPECT_TRUE(is_keyboard(codes({KEY_DELETE})));
    EXPECT_TRUE(is_keyboard(codes({KEY_LEFTCTRL})));
    EXPECT_TRUE(is_keyboard(codes({BTN_LEFT, KEY_VOLUMEUP})));
    EXPECT_TRUE(is_keyboard(codes({KEY_POWER, KEY_ESC})));
    EXPECT_TRUE(is_keyboard(codes({KEY_MACRO1})));
}

TEST(IsKeyboard, is_not_a_mouse_nor_a_pad_nor_what_has_no_keys) {
    EXPECT_FALSE(is_keyboard({}));
    EXPECT_FALSE(is_keyboard(codes({KEY_RESERVED})));
    EXPECT_FALSE(is_keyboard(codes({BTN_LEFT, BTN_RIGHT, BTN_MIDDLE})));
    EXPECT_FALSE(is_keyboard(range(BTN_MISC, KEY_OK - 1)));
    EXPECT_FALSE(is_keyboard(codes({BTN_DPAD_UP, BTN_TRIGGER_HAPPY1})));
}

TEST(IsKeyboard, is_not_a_power_button) {
    EXPECT_FALSE(is_keyboard(codes({KEY_POWER})));
    EXPECT_FALSE(is_keyboard(codes({KEY_SLEEP, KEY_WAKEUP, KEY_POWER, KEY_SUSPEND})));
}

TEST(IsKeyboard, is_full_with_the_main_block) {
    EXPECT_TRUE(is_full_keyboard(range(KEY_ESC, KEY_MICMUTE)));
    EXPECT_TRUE(is_full_keyboard(range(KEY_ESC, KEY_S)));
    EXPECT_FALSE(is_full_keyboard(range(KEY_1, KEY_MICMUTE)));
    EXPECT_FALSE(is_full_keyboard(codes({KEY_VOLUMEUP, KEY_VOLUMEDOWN})));
}

TEST(Keyboards, say_when_they_cannot_be_cloned) {
    RecordingReport report;
    const auto keyboards = Keyboards::open(
        default_chords(), report, {.devices = "/nonexistent/input", .uinput = "/nonexistent/uinput"});
    ASSERT_FALSE(keyboards);
    EXPECT_THAT(keyboards.error().to_log(), testing::HasSubstr("open /nonexistent/uinput"));
}

}  // namespace
}  // namespace berth::supervisor
