// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using MachineAddTest = CtlTest;

TEST_F(MachineAddTest, says_the_id_and_the_name_of_the_record_that_it_adds) {
    EXPECT_EQ(out_of({"machine", "add", "--mac", "52-54-00-00-00-01", "--name", "desk"}), "m-0001  desk\n");
    EXPECT_EQ(store()->find("desk")->macs, std::vector<std::string>{"52:54:00:00:00:01"});
}

TEST_F(MachineAddTest, prints_the_record_with_json) {
    const auto machine = json_of({"machine", "add", "--mac", "52:54:00:00:00:01", "--keymap", "de"});
    EXPECT_EQ(machine["id"], "m-0001");
    EXPECT_EQ(machine["settings"]["keymap"], "de");
}

TEST_F(MachineAddTest, adds_nothing_when_a_value_is_wrong) {
    for (const auto& wrong : {std::vector<std::string>{"--mac", "1"}, {"--mode", "x"}, {"--name", "A b"}}) {
        std::vector<std::string> line{"machine", "add"};
        append(line, wrong);
        const Said said = run(line);
        EXPECT_TRUE(said.refused("BERTH-P06")) << said.error;
        EXPECT_EQ(said.out, "");
    }
    EXPECT_TRUE(store()->machines()->empty());
}

TEST_F(MachineAddTest, refuses_a_mac_that_is_given_twice_or_another_machines) {
    add_machine();
    EXPECT_TRUE(run({"machine", "add", "--mac", "52:54:00:00:00:01"}).refused("BERTH-P07"));
    EXPECT_TRUE(
        run({"machine", "add", "--mac", "52:54:00:00:00:02", "--mac", "525400000002"}).refused("BERTH-P06"));
}

}  // namespace
}  // namespace berth::server
