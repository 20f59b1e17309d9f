// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/record/command_line.h"

#include <gtest/gtest.h>

namespace berth {
namespace {

using Values = std::vector<std::pair<std::string, std::string>>;

TEST(CommandLine, is_words_with_a_name_and_a_value) {
    EXPECT_EQ(command_line_values("BOOT_IMAGE=/vmlinuz quiet a=1\tb=x=y\n"),
              (Values{{"BOOT_IMAGE", "/vmlinuz"}, {"a", "1"}, {"b", "x=y"}}));
    EXPECT_EQ(command_line_values(""), Values{});
    EXPECT_EQ(command_line_values("  =1 c= "), (Values{{"", "1"}, {"c", ""}}));
}

TEST(CommandLine, keeps_what_is_in_quotes_together) {
    EXPECT_EQ(command_line_values("x=\"a berth.machine=no\" \"y=1 2\""),
              (Values{{"x", "a berth.machine=no"}, {"y", "1 2"}}));
    EXPECT_EQ(command_line_values("x=\"never closed y=1"), (Values{{"x", "never closed y=1"}}));
}

TEST(CommandLine, means_the_last_of_two) {
    EXPECT_EQ(command_line_value("a=1 b=2 a=3", "a"), "3");
    EXPECT_EQ(command_line_value("xa=1", "a"), "");
}

}  // namespace
}  // namespace berth
