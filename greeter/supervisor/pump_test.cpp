// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/pump.h"

#include <gtest/gtest.h>

namespace berth::supervisor {
namespace {

TEST(AttentionKey, lets_everything_else_through) {
    AttentionKey key;
    std::string all;
    for (int c = 0; c < 256; ++c)
        if (c != k_attention) all += static_cast<char>(c);
    const auto typed = key.feed(all);
    EXPECT_EQ(typed.for_guest, all);
    EXPECT_FALSE(typed.attention);
}

TEST(AttentionKey, never_reaches_the_guest) {
    AttentionKey key;
    const auto typed = key.feed(
        "ls\x1d"
        "rm\r");
    EXPECT_EQ(typed.for_guest, "ls");
    EXPECT_TRUE(typed.attention);
}

TEST(AttentionKey, is_found_in_the_forms_that_a_guest_can_switch_a_terminal_to) {
    for (std::string_view form : {"\x1b[93;5u", "\x1b[27;5;93~", "\x1b[93;5:1u"}) {
        AttentionKey key;
        EXPECT_TRUE(key.feed(form).attention) << form.substr(1);
        bool found = false;
        for (char c : form) found = key.feed({&c, 1}).attention;
        EXPECT_TRUE(found) << form.substr(1);
    }
}

TEST(AttentionKey, is_not_seen_in_other_sequences) {
    AttentionKey key;
    EXPECT_FALSE(key.feed("\x1b[93;6u\x1b[27;5;92~\x1b[A93;5u]").attention);
}

TEST(GuestOutput, is_bounded_while_the_terminal_is_slow) {
    GuestOutput out;
    size_t taken = 0;
    while (out.room() > 0) {
        const size_t n = std::min<size_t>(out.room(), 1000);
        out.put(std::string(n, 'x'));
        taken += n;
    }
    EXPECT_EQ(taken, k_pump_bytes);
    out.written(10);
    EXPECT_EQ(out.room(), 10U);
}

TEST(GuestOutput, is_shown_after_the_menu_when_it_came_behind_it) {
    GuestOutput out;
    out.hold();
    out.put("hello");
    EXPECT_TRUE(out.next().empty());
    out.release("[back]");
    EXPECT_EQ(out.next(), "[back]hello");
}

TEST(GuestOutput, loses_its_oldest_lines_when_too_much_comes_behind_the_menu) {
    GuestOutput out;
    out.hold();
    for (int i = 0; i < 20000; ++i) {
        ASSERT_GT(out.room(), 0U);
        out.put("line " + std::to_string(i) + "\r\n");
    }
    out.release("");
    EXPECT_LE(out.next().size(), k_pump_bytes);
    EXPECT_TRUE(out.next().starts_with("line "));
    EXPECT_TRUE(out.next().ends_with("line 19999\r\n"));
}

TEST(GuestOutput, takes_a_line_in_only_between_characters_and_sequences) {
    for (std::string_view before :
         {"\x1b", "\x1b[", "\x1b[3", "\x1b]0;ti", "\x1bP1", "\xe2\x82", "\xf0", "\x1b(", "\x1b]0;x\x1b"}) {
        GuestOutput out;
        out.put(before);
        out.add_line("[line]");
        EXPECT_EQ(out.next(), before) << "after " << before.size();
    }
    GuestOutput out;
    out.put("a\x1b[3");
    out.add_line("[line]");
    out.put("1mb");
    EXPECT_EQ(out.next(), "a\x1b[31m[line]b");
}

TEST(GuestOutput, takes_a_line_in_at_once_when_told_to) {
    GuestOutput out;
    out.put("\x1b]0;never ends");
    out.add_line("[line]", true);
    EXPECT_EQ(out.next(), "\x1b]0;never ends\x18[line]");
}

TEST(GuestOutput, keeps_only_so_many_waiting_lines) {
    GuestOutput out;
    out.put("\x1b]0;never ends");
    for (int i = 0; i < 10000; ++i) out.add_line("[line]");
    out.put("\x07");
    EXPECT_LT(out.next().size(), 5000U);
}

}  // namespace
}  // namespace berth::supervisor
