// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

namespace berth {
namespace {

constexpr ErrorCode k_all[] = {
#define BERTH_ERROR(code, what, help) ErrorCode::code,
#include "base/error_codes.def"
#undef BERTH_ERROR
};

TEST(ErrorTable, holds_each_code_once_with_a_cause_and_an_advice) {
    std::set<std::string_view> names;
    for (ErrorCode code : k_all) {
        EXPECT_TRUE(names.insert(code_name(code)).second) << code_name(code);
        EXPECT_FALSE(code_summary(code).empty()) << code_name(code);
        EXPECT_NE(code_summary(code).back(), '.') << code_name(code);
        EXPECT_FALSE(code_help(code).empty()) << code_name(code);
        EXPECT_EQ(code_help(code).back(), '.') << code_name(code);
    }
}

TEST(ErrorTable, gives_each_summary_to_one_code_only) {
    std::set<std::string_view> summaries;
    for (ErrorCode code : k_all) EXPECT_TRUE(summaries.insert(code_summary(code)).second) << code_name(code);
}

TEST(Error, tells_the_user_code_cause_detail_and_advice) {
    const Error e(ErrorCode::I04, "key \"lock.break\": value 7");
    EXPECT_EQ(
        e.to_user(),
        "BERTH-I04: The client's configuration is wrong: key \"lock.break\": value 7. Call the help desk.");
}

TEST(Error, keeps_its_code_when_a_layer_adds_its_prefix) {
    const Error e = Error(ErrorCode::I01, "read: Input/output error").with_prefix("swap");
    EXPECT_EQ(e.code(), ErrorCode::I01);
    EXPECT_EQ(e.detail(), "swap: read: Input/output error");
}

TEST(Error, of_a_system_call_that_found_a_disk_full_says_so) {
    for (const int number : {ENOSPC, EDQUOT})
        EXPECT_EQ(fail_errno(number, "write /x").error().code(), ErrorCode::I06);
    const Error e = fail_errno(EIO, "write /x").error();
    EXPECT_EQ(e.code(), ErrorCode::I01);
    EXPECT_EQ(e.detail(), "write /x: Input/output error");
}

}  // namespace
}  // namespace berth
