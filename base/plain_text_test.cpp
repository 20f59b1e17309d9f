// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/plain_text.h"

#include <gtest/gtest.h>

namespace berth {
namespace {

using namespace std::string_view_literals;

TEST(PlainText, is_utf8_without_control_characters) {
    for (const auto text : {""sv, "work"sv, "-rf *"sv, "Größe"sv, "日本語"sv, "\xf0\x9f\x9a\xa2"sv,
                            "\xc2\xa0"sv, "\xed\x9f\xbf"sv, "\xee\x80\x80"sv, "\xf4\x8f\xbf\xbf"sv})
        EXPECT_TRUE(is_plain_text(text)) << text;
    for (const auto text :
         {"a\nb"sv, "a\tb"sv, "\x1b[2J"sv, "\x7f"sv, "\0"sv,
          "\xc2\x9b"
          "2J"sv,
          "\xff"sv, "\x80"sv, "\xc3"sv, "\xc0\xaf"sv, "\xc1\x81"sv, "\xe0\x80\xaf"sv, "\xed\xa0\x80"sv,
          "\xf0\x80\x80\xaf"sv, "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xe2\x82"sv, "\xe2\x28\xa1"sv})
        EXPECT_FALSE(is_plain_text(text)) << text.size();
}

TEST(PlainText, is_shown_as_itself_and_anything_else_as_numbers) {
    EXPECT_EQ(shown("Größe", 100), "Größe");
    EXPECT_EQ(shown("a\x1b[2J\xff", 100), "a\\x1b[2J\\xff");
    EXPECT_EQ(shown("abcdef", 3), "abc...");
    EXPECT_EQ(shown(std::string(5000, '\xff'), 9), "\\xff\\xff...");
}

TEST(PlainText, is_cut_between_characters) {
    EXPECT_EQ(cut_text("abc", 3), "abc");
    EXPECT_EQ(cut_text("abcd", 3), "abc...");
    EXPECT_EQ(cut_text("aäöü", 4), "aä...");
    EXPECT_EQ(cut_text("\xf0\x9f\x9a\xa2", 3), "...");
    EXPECT_EQ(cut_text(std::string(10, '\x80'), 5).size(), 5u) << "no UTF-8, yet never more than was asked";
}

TEST(PlainText, is_made_of_anything) {
    EXPECT_EQ(made_plain("a\xc3\xa4 b", 64), "a\xc3\xa4 b");
    EXPECT_EQ(made_plain("a\x1b[2J\n\xff\xc2\x9b", 64), "a?[2J????");
    EXPECT_EQ(made_plain("abcdef", 6), "abcdef");
    EXPECT_EQ(made_plain("abcdefg", 6), "abc...");
    EXPECT_EQ(made_plain("ab\xc3\xa4xyz", 6), "ab...") << "a character is whole or not there";
    for (size_t n = 3; n < 12; ++n) {
        const auto text = made_plain("\xc3\xa4\x01\xe2\x82\xac\xf0\x9f\x98\x80zzzz", n);
        EXPECT_TRUE(is_plain_text(text) && text.size() <= n) << n << text;
    }
}

}  // namespace
}  // namespace berth
