// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using PolicyShowTest = CtlTest;

TEST_F(PolicyShowTest, says_what_is_set) {
    EXPECT_EQ(out_of({"policy", "show"}), "unknown: local\n");
    ASSERT_TRUE(store()->set_policy({.unknown = UnknownPolicy::enrol, .defaults = {{"image", "school"}}}));
    EXPECT_EQ(out_of({"policy", "show"}), "unknown: enrol\nimage: school\n");
}

TEST_F(PolicyShowTest, prints_the_policy_with_json) {
    EXPECT_EQ(json_of({"policy", "show"}),
              (nlohmann::json{{"unknown", "local"}, {"defaults", nlohmann::json::object()}}));
}

}  // namespace
}  // namespace berth::server
