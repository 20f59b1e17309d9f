// SPDX-License-Identifier: GPL-3.0-or-later
#include "net/request_target.h"

#include <gtest/gtest.h>

#include "tests/testing/code_of.h"

namespace berth::net {
namespace {

TEST(Target, is_taken_apart_and_decoded) {
    const auto target = parse_target("/v1/b%6Fot?mac=52-54&serial=a+b%2Bc&flag&&mac=second", ErrorCode::I03);
    ASSERT_TRUE(target);
    EXPECT_EQ(target->path, (std::vector<std::string>{"v1", "boot"}));
    EXPECT_EQ(target->query.at("mac"), "52-54");
    EXPECT_EQ(target->query.at("serial"), "a b+c");
    EXPECT_EQ(target->query.at("flag"), "");
}

TEST(Target, refuses_what_is_not_a_plain_path_with_a_plain_query) {
    for (const std::string& text :
         {std::string(), std::string("x"), std::string("http://a/b"), std::string("/a/../b"),
          std::string("/a/%2e%2e/b"), std::string("/a//b"), std::string("/"), std::string("/a/"),
          std::string("/a%2fb"), std::string("/a%00b"), std::string("/a%"), std::string("/a%2"),
          std::string("/a%zz"), std::string("/a?b%0a=c"), std::string("/a?b=\n"), std::string("/a?b=%00"),
          std::string("/a?%"), std::string("/a?b=\x01"), "/" + std::string(k_max_target, 'a')})
        EXPECT_EQ(code_of(parse_target(text, ErrorCode::I03)), "BERTH-I03") << text;
}

TEST(Target, takes_a_serial_number_as_firmware_gives_it) {
    const auto target =
        parse_target("/v1/boot?serial=A%01%ff%0aB&x=" + std::string(4096, '1'), ErrorCode::I03);
    ASSERT_TRUE(target);
    EXPECT_EQ(target->query.at("serial"), "A\x01\xff\nB");
}

}  // namespace
}  // namespace berth::net
