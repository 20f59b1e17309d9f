// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::HasSubstr;

class MachineRemoveTest : public CtlTest {
  protected:
    MachineRemoveTest() { add_machine(); }
    size_t left() { return store()->machines()->size(); }
};

TEST_F(MachineRemoveTest, shows_what_will_go_and_forgets_it_after_a_yes) {
    ASSERT_TRUE(store()->put_state("m-0001", "s1", "{}"));
    answers("y");
    const std::string out = out_of({"machine", "remove", "berth-1"});
    EXPECT_THAT(out, HasSubstr("-name: berth-1\n"));
    EXPECT_THAT(out, HasSubstr("-session state: s1\n"));
    EXPECT_EQ(left(), 0U);
}

TEST_F(MachineRemoveTest, keeps_it_after_a_no_and_without_a_terminal) {
    EXPECT_TRUE(run({"machine", "remove", "berth-1"}).refused("BERTH-P06"));
    answers("n");
    EXPECT_THAT(out_of({"machine", "remove", "berth-1"}), HasSubstr("m-0001: nothing changed\n"));
    EXPECT_EQ(left(), 1U);
}

TEST_F(MachineRemoveTest, prints_what_was_removed_or_null_with_json) {
    answers("n");
    EXPECT_EQ(json_of({"machine", "remove", "berth-1"})["removed"], nullptr);
    EXPECT_EQ(json_of({"machine", "remove", "-y", "berth-1"})["removed"], "m-0001");
    EXPECT_EQ(console.error, "");
    EXPECT_EQ(left(), 0U);
}

}  // namespace
}  // namespace berth::server
