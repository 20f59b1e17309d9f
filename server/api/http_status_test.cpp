// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/api/http_status.h"

#include <gtest/gtest.h>

namespace berth::server {
namespace {

TEST(HttpStatus, blames_the_client_for_what_it_sent_and_nothing_else) {
    EXPECT_EQ(http_status(Condition::invalid), 400);
    EXPECT_EQ(http_status(Condition::refused), 403);
    EXPECT_EQ(http_status(Condition::absent), 404);
    EXPECT_EQ(http_status(Condition::unsupported), 405);
    EXPECT_EQ(http_status(Condition::exists), 409);
    EXPECT_EQ(http_status(Condition::too_large), 413);
    EXPECT_EQ(http_status(Condition::busy), 503);
    EXPECT_EQ(http_status(Condition::full), 507);
    for (const Condition ours :
         {Condition::unreachable, Condition::no_answer, Condition::stale, Condition::changed, Condition::lost,
          Condition::unsaved, Condition::cancelled, Condition::other})
        EXPECT_EQ(http_status(ours), 500) << static_cast<int>(ours);
}

TEST(HttpStatus, is_what_the_page_says_for_the_provisioners_own_codes) {
    // docs/architecture.md "Provisioner: HTTP"
    EXPECT_EQ(http_status(code_condition(ErrorCode::P01)), 400);
    EXPECT_EQ(http_status(code_condition(ErrorCode::P02)), 404);
    EXPECT_EQ(http_status(code_condition(ErrorCode::P03)), 403);
    EXPECT_EQ(http_status(code_condition(ErrorCode::P04)), 500);
    EXPECT_EQ(http_status(code_condition(ErrorCode::P06)), 400);
    EXPECT_EQ(http_status(code_condition(ErrorCode::P07)), 409);
    EXPECT_EQ(http_status(code_condition(ErrorCode::P08)), 413);
    EXPECT_EQ(http_status(code_condition(ErrorCode::P09)), 405);
}

}  // namespace
}  // namespace berth::server
