// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::HasSubstr;

class PolicySetTest : public CtlTest {
  protected:
    const std::vector<std::string> line{"policy", "set", "--unknown", "discover"};
    UnknownPolicy unknown() { return store()->policy()->unknown; }
};

TEST_F(PolicySetTest, shows_the_lines_that_change_and_asks) {
    answers("y");
    EXPECT_EQ(out_of(line), "-unknown: local\n+unknown: discover\n");
    EXPECT_EQ(unknown(), UnknownPolicy::discover);
}

TEST_F(PolicySetTest, changes_nothing_after_a_no_and_without_a_terminal) {
    EXPECT_TRUE(run(line).refused("BERTH-P06"));
    answers("n");
    EXPECT_THAT(out_of(line), HasSubstr("policy: nothing changed\n"));
    EXPECT_EQ(unknown(), UnknownPolicy::local);
}

TEST_F(PolicySetTest, prints_the_policy_as_it_is_then_with_json) {
    EXPECT_EQ(json_of({"policy", "set", "-y", "--image", "school"})["defaults"]["image"], "school");
    answers("n");
    EXPECT_EQ(json_of({"policy", "set", "--image", "other"})["defaults"]["image"], "school");
}

TEST_F(PolicySetTest, refuses_to_remake_the_data_of_all_machines) {
    EXPECT_TRUE(run({"policy", "set", "-y", "--data", "remake"}).refused("BERTH-P06"));
}

}  // namespace
}  // namespace berth::server
