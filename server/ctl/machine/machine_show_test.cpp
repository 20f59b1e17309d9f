// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using MachineShowTest = CtlTest;

TEST_F(MachineShowTest, finds_it_by_id_name_and_mac) {
    const std::string id = add_machine();
    for (const std::string& word : std::vector<std::string>{id, "berth-1", "52:54:00:00:00:01"})
        EXPECT_THAT(out_of({"machine", "show", word}), StartsWith("id: m-0001\nname: berth-1\n"));
}

TEST_F(MachineShowTest, tells_own_settings_from_defaults) {
    add_machine();
    ASSERT_TRUE(store()->set_policy({.defaults = {{"image", "school"}}}));
    const std::string out = out_of({"machine", "show", "berth-1"});
    EXPECT_THAT(out, HasSubstr("image: school (default)\n"));
    EXPECT_THAT(out, HasSubstr("mode: network (default)\n"));
}

TEST_F(MachineShowTest, names_what_was_typed_when_there_is_no_such_machine) {
    const Said said = run({"machine", "show", "--json", "berth-9"});
    EXPECT_TRUE(said.refused("BERTH-P02"));
    EXPECT_THAT(said.error, HasSubstr("berth-9"));
    EXPECT_EQ(said.out, "");
}

TEST_F(MachineShowTest, prints_the_record_with_json) {
    add_machine();
    EXPECT_EQ(json_of({"machine", "show", "berth-1"})["macs"][0], "52:54:00:00:00:01");
}

}  // namespace
}  // namespace berth::server
