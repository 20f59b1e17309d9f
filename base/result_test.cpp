// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <concepts>
#include <set>
#include <type_traits>

#include "tests/testing/code_of.h"

namespace berth {
namespace {

// Nobody branches on a code: it can be neither compared nor made a number of, so no switch takes one either.
static_assert(!std::equality_comparable<ErrorCode>);
static_assert(!std::is_constructible_v<int, ErrorCode> && !std::is_convertible_v<ErrorCode, int>);
static_assert(!std::is_constructible_v<ErrorCode, int>);

constexpr ErrorCode k_all[] = {
#define BERTH_ERROR(code, condition, what, help) ErrorCode::code,
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
    EXPECT_EQ(e.to_user(),
              "BERTH-I04: Berth's configuration is wrong: key \"lock.break\": value 7. Call the help desk.");
}

TEST(Error, means_what_its_code_does_where_nothing_else_is_said) {
    EXPECT_EQ(Error(ErrorCode::M09).condition(), Condition::absent);
    EXPECT_EQ(Error(ErrorCode::M09).with_condition(Condition::unsaved).condition(), Condition::unsaved);
}

TEST(Error, keeps_code_and_condition_when_a_layer_adds_its_prefix) {
    const Error e = Error(ErrorCode::I01, "read: Input/output error")
                        .with_condition(Condition::stale)
                        .with_prefix("swap");
    EXPECT_EQ(code_of(e), "BERTH-I01");
    EXPECT_EQ(e.condition(), Condition::stale);
    EXPECT_EQ(e.detail(), "swap: read: Input/output error");
}

TEST(Error, is_asked_for_its_condition_only_where_something_failed) {
    const Status failed = fail(ErrorCode::M04, "server fs1");
    EXPECT_TRUE(failed_as(failed, Condition::no_answer));
    EXPECT_FALSE(failed_as(failed, Condition::absent));
    EXPECT_FALSE(failed_as(Status(), Condition::no_answer));
}

TEST(Error, says_so_when_a_system_call_found_a_disk_full) {
    for (const int number : {ENOSPC, EDQUOT}) {
        const Error full = fail_errno(number, "write /x").error();
        EXPECT_EQ(code_of(full), "BERTH-I06");
        EXPECT_EQ(full.condition(), Condition::full);
    }
    const Error e = fail_errno(EIO, "write /x").error();
    EXPECT_EQ(code_of(e), "BERTH-I01");
    EXPECT_EQ(e.condition(), Condition::other);
    EXPECT_EQ(e.detail(), "write /x: Input/output error");
}

}  // namespace
}  // namespace berth
