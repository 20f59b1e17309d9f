// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::HasSubstr;

class MachineReplaceTest : public CtlTest {
  protected:
    MachineReplaceTest() {
        add_machine();
        add_machine("52:54:00:00:00:02", "berth-2");
    }
};

TEST_F(MachineReplaceTest, moves_the_record_to_another_ones_hardware_which_is_forgotten) {
    answers("yes");
    const Said said = run({"machine", "replace", "berth-1", "berth-2"});
    EXPECT_EQ(said.code, 0) << said.error;
    EXPECT_THAT(said.out, HasSubstr("-machine: m-0002 berth-2\n"));
    EXPECT_EQ(store()->find("berth-1")->macs, std::vector<std::string>{"52:54:00:00:00:02"});
    EXPECT_EQ(store()->machines()->size(), 1U);
}

TEST_F(MachineReplaceTest, moves_it_to_what_the_options_say) {
    const auto machine = json_of({"machine", "replace", "-y", "berth-1", "--mac", "52:54:00:00:00:03"});
    EXPECT_EQ(machine["id"], "m-0001");
    EXPECT_EQ(machine["macs"], nlohmann::json({"52:54:00:00:00:03"}));
}

TEST_F(MachineReplaceTest, refuses_both_at_once_and_the_machine_itself) {
    EXPECT_TRUE(
        run({"machine", "replace", "-y", "berth-1", "berth-2", "--serial", "S"}).refused("BERTH-P06"));
    EXPECT_TRUE(run({"machine", "replace", "-y", "berth-1", "m-0001"}).refused("BERTH-P06"));
    EXPECT_EQ(store()->machines()->size(), 2U);
}

TEST_F(MachineReplaceTest, refuses_without_a_terminal_to_ask_on_and_stays_after_a_no) {
    EXPECT_TRUE(run({"machine", "replace", "berth-1", "berth-2"}).refused("BERTH-P06"));
    answers("n");
    EXPECT_THAT(out_of({"machine", "replace", "berth-1", "berth-2"}), HasSubstr("m-0001: nothing changed\n"));
    EXPECT_EQ(store()->machines()->size(), 2U);
}

}  // namespace
}  // namespace berth::server
