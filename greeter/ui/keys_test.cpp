// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui/keys.h"

#include <gtest/gtest.h>

namespace berth::ui {
namespace {

using Keys = std::vector<Key>;

Keys typed(std::string_view bytes) {
    KeyDecoder decoder;
    return decoder.feed(bytes);
}

TEST(Keys, are_characters_and_control_keys) {
    EXPECT_EQ(typed("aß"), (Keys{{Key::character, L'a'}, {Key::character, L'ß'}}));
    EXPECT_EQ(typed("\r\n\t\x08\x7f"),
              (Keys{{Key::enter}, {Key::enter}, {Key::tab}, {Key::backspace}, {Key::backspace}}));
    EXPECT_EQ(typed("\x0c\x1d\x03\x1a\x1c"), (Keys{{Key::control, L'L'},
                                                   {Key::control, L']'},
                                                   {Key::control, L'C'},
                                                   {Key::control, L'Z'},
                                                   {Key::control, L'\\'}}));
}

TEST(Keys, are_the_same_for_the_arrows_of_every_terminal) {
    EXPECT_EQ(typed("\x1b[A\x1b[B\x1bOA\x1bOB"), (Keys{{Key::up}, {Key::down}, {Key::up}, {Key::down}}));
    EXPECT_EQ(typed("\x1b[C\x1b[D\x1bOC\x1bOD"),
              (Keys{{Key::right}, {Key::left}, {Key::right}, {Key::left}}));
    EXPECT_EQ(typed("\x1b[5~\x1b[6~"), (Keys{{Key::page_up}, {Key::page_down}}));
}

TEST(Keys, are_dropped_whole_when_they_are_not_known) {
    for (const char* bytes : {"\x1b[11~", "\x1bOP", "\x1b[[A", "\x1b[24;5~", "\x1b[?1;2c", "\x1b[12;40R",
                              "\x1b]11;rgb:0/0/0\x07", "\x1b]0;x\x1b\\", "\x1bP1$r0m\x1b\\", "\x1b[M",
                              "\x1b[<0;1;1M", "\x1bx", "\x1b[200~", "\x80", "\xff"})
        EXPECT_EQ(typed(bytes), Keys{}) << bytes + 1;
}

TEST(Keys, come_out_the_same_when_bytes_come_one_at_a_time) {
    const std::string bytes = "a\x1b[A\x1b[?1;2c\xc3\x9f\x1bOBz\x1b[[Ex";
    KeyDecoder decoder;
    Keys keys;
    for (char c : bytes)
        for (const Key& k : decoder.feed({&c, 1})) keys.push_back(k);
    EXPECT_EQ(keys, typed(bytes));
    EXPECT_EQ(keys, (Keys{{Key::character, L'a'},
                          {Key::up},
                          {Key::character, L'ß'},
                          {Key::down},
                          {Key::character, L'z'},
                          {Key::character, L'x'}}));
}

TEST(Keys, include_escape_only_when_nothing_follows) {
    KeyDecoder decoder;
    EXPECT_EQ(decoder.feed("\x1b"), Keys{});
    EXPECT_TRUE(decoder.waiting());
    EXPECT_EQ(decoder.timeout(), Keys{{Key::escape}});
    EXPECT_FALSE(decoder.waiting());
    EXPECT_EQ(decoder.feed("[A"), (Keys{{Key::character, L'['}, {Key::character, L'A'}}));
}

TEST(Keys, are_none_from_an_unfinished_sequence) {
    KeyDecoder decoder;
    EXPECT_EQ(decoder.feed("\x1b[12"), Keys{});
    EXPECT_EQ(decoder.timeout(), Keys{});
    EXPECT_EQ(decoder.feed("a"), (Keys{{Key::character, L'a'}}));
}

TEST(Keys, never_pile_up_without_bound) {
    KeyDecoder decoder;
    for (const char* begin : {"\x1b[", "\x1b]"}) {
        decoder.feed(begin);
        decoder.feed(std::string(100000, '1'));
        EXPECT_FALSE(decoder.feed("a").empty());
    }
}

}  // namespace
}  // namespace berth::ui
