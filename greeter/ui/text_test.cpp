// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui/text.h"

#include <gtest/gtest.h>

#include <clocale>

#include "base/plain_text.h"

namespace berth::ui {
namespace {

class Text : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { ASSERT_NE(std::setlocale(LC_CTYPE, "C.UTF-8"), nullptr); }
};

TEST_F(Text, stays_as_it_is_in_any_language) {
    EXPECT_EQ(clean("Passwört für 田中: "), L"Passwört für 田中: ");
}

TEST_F(Text, loses_every_control_character) {
    EXPECT_EQ(clean("a\x1b[2J\x07\x7f"), L"a\\x1b[2J\\x07\\x7f");
    EXPECT_EQ(clean("\xc2\x9b"
                    "31m"),
              L"\\xc2\\x9b31m");
    EXPECT_EQ(clean("a\r\nb\tc"), L"a b c");
    EXPECT_EQ(clean("a\r\nb", true), L"a\nb");
}

TEST_F(Text, cannot_turn_the_direction_or_hide) {
    EXPECT_EQ(clean("a\u202eb\u200bc\u2066d\ufeff"),
              L"a\\xe2\\x80\\xaeb\\xe2\\x80\\x8bc\\xe2\\x81\\xa6d\\xef\\xbb\\xbf");
}

TEST_F(Text, is_shown_byte_by_byte_where_it_is_not_utf8) {
    EXPECT_EQ(clean("\xff\xc3(\xe2\x82"), L"\\xff\\xc3(\\xe2\\x82");
    EXPECT_EQ(clean("\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80").find(L'\0'), std::wstring::npos);
}

TEST_F(Text, is_cut_by_columns_not_characters) {
    EXPECT_EQ(width(L"田中"), 4);
    EXPECT_EQ(cut(L"田中太郎", 5), L"田中…");
    EXPECT_EQ(cut(L"田中太郎", 4), L"田…");
    EXPECT_EQ(cut(L"abc", 3), L"abc");
    EXPECT_EQ(cut(L"abc", 0), L"");
    EXPECT_EQ(tail(L"田中太郎", 5), L"太郎");
}

TEST_F(Text, is_wrapped_at_spaces) {
    EXPECT_EQ(wrap(L"one two three", 7), (std::vector<std::wstring>{L"one two", L"three"}));
    EXPECT_EQ(wrap(L"abcdefgh", 3), (std::vector<std::wstring>{L"abc", L"def", L"gh"}));
    EXPECT_EQ(wrap(L"a\n\nb", 10), (std::vector<std::wstring>{L"a", L"", L"b"}));
    EXPECT_EQ(wrap(L"田中太郎", 5), (std::vector<std::wstring>{L"田中", L"太郎"}));
    EXPECT_EQ(wrap(L"", 10), (std::vector<std::wstring>{L""}));
}

TEST_F(Text, never_makes_a_line_that_is_too_wide_nor_loops) {
    const std::wstring text = L"word 田中太郎 averyveryverylongword  two  spaces \n end ";
    for (int columns = -1; columns < 40; ++columns)
        for (const auto& line : wrap(text, columns)) EXPECT_LE(width(line), std::max(columns, 2));
}

TEST_F(Text, goes_back_to_the_same_bytes) {
    const std::string bytes = "aß田\U0001f600";
    std::string again;
    for (wchar_t c : clean(bytes)) append_utf8(again, static_cast<char32_t>(c));
    EXPECT_EQ(again, bytes);
}

}  // namespace
}  // namespace berth::ui
