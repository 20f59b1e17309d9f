// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::HasSubstr;
using testing::Not;

using MachineListTest = CtlTest;

TEST_F(MachineListTest, has_a_row_for_each_machine_below_a_head) {
    add_machine();
    add_machine("52:54:00:00:00:02", "berth-2");
    const std::string out = out_of({"machine", "list"});
    EXPECT_EQ(std::ranges::count(out, '\n'), 3);
    EXPECT_THAT(out, HasSubstr("m-0002  berth-2"));
}

TEST_F(MachineListTest, names_conflicts_behind_the_machines) {
    const std::string id = add_machine();
    EXPECT_THAT(out_of({"machine", "list"}), Not(HasSubstr("Conflicts")));
    ASSERT_TRUE(store()->note_conflict(id, {.mac = "52:54:00:00:00:01", .uuid = "", .serial = "SN-2"}));
    EXPECT_THAT(out_of({"machine", "list"}), HasSubstr("\n\nConflicts: "));
}

TEST_F(MachineListTest, prints_an_array_of_records_with_json) {
    EXPECT_EQ(json_of({"machine", "list"}), nlohmann::json::array());
    add_machine();
    EXPECT_EQ(json_of({"machine", "list"})[0]["name"], "berth-1");
}

}  // namespace
}  // namespace berth::server
