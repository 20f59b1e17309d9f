// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/no_throw.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace berth {
namespace {

std::string said(auto&& body) {
    ::testing::internal::CaptureStderr();
    body();
    return ::testing::internal::GetCapturedStderr();
}

TEST(NoThrow, gives_what_the_body_returns) {
    EXPECT_EQ(said([] { EXPECT_EQ(no_throw("x", 1, [] { return 2; }), 2); }), "");
}

TEST(NoThrow, reports_what_was_thrown_and_gives_the_stated_value) {
    const auto thrown = [](auto what) { return [what]() -> int { throw what; }; };
    EXPECT_EQ(said([&] { EXPECT_EQ(no_throw("berth-x", 1, thrown(std::runtime_error("a\nb"))), 1); }),
              "berth-x: failed by an exception: a\\x0ab\n");
    EXPECT_EQ(said([&] { EXPECT_EQ(no_throw("berth-x", -1, thrown(7)), -1); }),
              "berth-x: failed by an exception of an unknown kind\n");
    EXPECT_EQ(said([&] { no_throw("berth-x", thrown(std::bad_alloc())); }),
              "berth-x: failed by an exception: std::bad_alloc\n");
}

}  // namespace
}  // namespace berth
