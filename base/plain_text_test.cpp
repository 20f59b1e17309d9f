// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/plain_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <vector>

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

TEST(PlainText, is_cut_between_characters) {
    EXPECT_EQ(cut_text("abc", 3), "abc");
    EXPECT_EQ(cut_text("abcd", 3), "abc...");
    EXPECT_EQ(cut_text("aäöü", 4), "aä...");
    EXPECT_EQ(cut_text("\xf0\x9f\x9a\xa2", 3), "...");
    EXPECT_EQ(cut_text(std::string(10, '\x80'), 5).size(), 5u) << "no UTF-8, yet never more than was asked";
}

std::string of(char32_t code) {
    std::string text;
    append_utf8(text, code);
    return text;
}

TEST(Utf8, is_decoded_to_every_code_point) {
    for (char32_t code = 0; code < k_not_utf8; ++code) {
        const bool surrogate = code >= 0xd800 && code < 0xe000;
        const std::string text = of(code) + "x";
        ASSERT_EQ(first_character(text),
                  surrogate ? (Character{k_not_utf8, 1}) : (Character{code, text.size() - 1}))
            << static_cast<unsigned>(code);
    }
}

TEST(Utf8, has_one_form_for_each_character) {
    for (const auto text : {"\x80"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xe0\x9f\xbf"sv, "\xf0\x8f\xbf\xbf"sv,
                            "\xed\xa0\x80"sv, "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xff"sv, "\xc2"sv,
                            "\xe2\x82"sv, "\xf0\x9f\x9a"sv, "\xc2\x41"sv})
        EXPECT_EQ(first_character(text), (Character{k_not_utf8, 1})) << text.size();
}

/// Python's copy of Unicode's data says which code points are in the categories.
std::vector<bool> in_categories(const std::string& categories) {
    const std::string script =
        "import itertools, sys, unicodedata\n"
        "wanted = set(sys.argv[1].split())\n"
        "for inside, codes in itertools.groupby(range(0x110000), lambda c: unicodedata.category(chr(c)) in "
        "wanted):\n"
        " codes = list(codes)\n"
        " if inside: print(codes[0], codes[-1])\n";
    std::vector<bool> found(k_not_utf8);
    FILE* pipe = popen(("/usr/bin/python3 -c '" + script + "' '" + categories + "'").c_str(), "r");
    unsigned first = 0, last = 0;
    while (pipe != nullptr && std::fscanf(pipe, "%u %u", &first, &last) == 2 && last < found.size())
        std::fill(found.begin() + first, found.begin() + last + 1, true);
    EXPECT_EQ(pipe == nullptr ? -1 : pclose(pipe), 0);
    return found;
}

TEST(Utf8, tells_a_character_that_was_cut_from_one_that_is_none) {
    for (const std::string whole : {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
        EXPECT_EQ(character_bytes(static_cast<unsigned char>(whole[0])), whole.size());
        EXPECT_FALSE(is_cut_character(whole));
        for (size_t n = 1; n < whole.size(); ++n) {
            EXPECT_TRUE(is_cut_character(whole.substr(0, n)));
            EXPECT_FALSE(is_cut_character(whole.substr(0, n) + "a"));
        }
    }
    for (const char* none : {"\x80", "\xbf", "\xc0", "\xc1", "\xf5", "\xff"}) {
        EXPECT_EQ(character_bytes(static_cast<unsigned char>(none[0])), 0U);
        EXPECT_FALSE(is_cut_character(none));
    }
}

TEST(Printable, follows_unicodes_categories_for_every_code_point) {
    const auto steers = in_categories("Cc Cf Cs Zl Zp"), unassigned = in_categories("Cn");
    ASSERT_TRUE(steers[0x1b] && steers[0x9b] && steers[0x202e] && steers[0x2028] && !steers['a']);
    for (char32_t code = 0; code < k_not_utf8; ++code) {
        // Of what Unicode has not given out yet some is kept for such characters; and the block of tags has
        // variation selectors, which nobody sees.
        const bool either =
            unassigned[code] || (code >= 0xe0100 && code <= 0xe01ef) || (code >= 0x13430 && code <= 0x1343f);
        ASSERT_TRUE(either || is_printable(code) != steers[code]) << static_cast<unsigned>(code);
        ASSERT_FALSE(steers[code] && is_printable(code)) << static_cast<unsigned>(code);
    }
    EXPECT_FALSE(is_printable(k_not_utf8));
}

TEST(Printable, leaves_what_is_printable_and_escapes_each_byte_of_the_rest) {
    for (char32_t code = 0; code < k_not_utf8; ++code) {
        const std::string text = of(code), made = printable(text);
        if (is_printable(code)) {
            ASSERT_EQ(made, text);
            continue;
        }
        std::string escaped;
        for (const char c : text) escaped += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        ASSERT_EQ(made, escaped);
        ASSERT_EQ(printable(made), made) << "twice is once";
    }
    for (int byte = 0x80; byte < 0x100; ++byte)
        ASSERT_EQ(printable(std::string(1, static_cast<char>(byte))), fmt::format("\\x{:02x}", byte));
}

TEST(Printable, text_can_neither_steer_nor_fool_a_terminal) {
    EXPECT_EQ(printable("Größe 日本 \xf0\x9f\x9a\xa2"), "Größe 日本 \xf0\x9f\x9a\xa2");
    EXPECT_EQ(printable("a\x1b[2J\xff"), "a\\x1b[2J\\xff");
    EXPECT_EQ(printable("\x9b"
                        "31m"),
              "\\x9b31m");
    EXPECT_EQ(printable("\xc2\x9b"
                        "31m"),
              "\\xc2\\x9b31m");
    EXPECT_EQ(printable("a\u202eb"), "a\\xe2\\x80\\xaeb");
    EXPECT_EQ(printable("a\nb\u2028c"), "a\\x0ab\\xe2\\x80\\xa8c");
    EXPECT_EQ(printable("a\nb\u2028c", std::string::npos, Newlines::kept), "a\nb\\xe2\\x80\\xa8c");
}

TEST(Printable, is_cut_between_characters) {
    EXPECT_EQ(printable("abcdef", 6), "abcdef");
    EXPECT_EQ(printable("abcdefg", 6), "abc...");
    EXPECT_EQ(printable("ab\xc3\xa4xyz", 6), "ab...") << "a character is whole or not there";
    EXPECT_EQ(printable(std::string(5000, '\xff'), 12), "\\xff\\xff...");
    for (size_t n = 3; n < 20; ++n) {
        const auto text = printable("\xc3\xa4\x01\xe2\x82\xac\xf0\x9f\x98\x80zzzz", n);
        EXPECT_TRUE(is_plain_text(text) && text.size() <= n) << n << text;
    }
}

TEST(Quoted, text_has_no_quote_of_its_own) {
    EXPECT_EQ(in_quotes("a"), "\"a\"");
    EXPECT_EQ(in_quotes("a\"b\\c\n"), "\"a\\\"b\\\\c\\x0a\"");
    EXPECT_EQ(in_quotes(std::string(100, 'x')), '"' + std::string(57, 'x') + "...\"");
}

}  // namespace
}  // namespace berth
