// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using VmListTest = CtlTest;

TEST_F(VmListTest, has_a_row_for_each_vm_of_all_users_or_of_one) {
    add_vm();
    of("ben").put("old/machine.toml", files::FileType::regular, "schema = 1\n");
    const std::string all = out_of({"vm", "list"});
    EXPECT_THAT(all, HasSubstr("\nann/work  2     2 GiB"));
    EXPECT_THAT(all, HasSubstr("\nben/old   ?     ?"));
    EXPECT_THAT(all, HasSubstr("BERTH-C05"));
    EXPECT_THAT(out_of({"vm", "list", "ann"}), Not(HasSubstr("ben")));
}

TEST_F(VmListTest, prints_an_array_with_who_uses_each_with_json) {
    EXPECT_EQ(json_of({"vm", "list"}), nlohmann::json::array());
    add_vm();
    EXPECT_EQ(json_of({"vm", "list"})[0]["holder"], nullptr);
    lock_vm();
    EXPECT_EQ(json_of({"vm", "list"})[0]["holder"]["host"], "berth-7");
}

TEST_F(VmListTest, complains_of_a_folder_that_cannot_be_opened_and_shows_the_others) {
    add_vm();
    places.closed.emplace("ben", Error(ErrorCode::M06, "ben's folder"));
    EXPECT_EQ(json_of({"vm", "list"}).size(), 1U);
    EXPECT_THAT(console.error, StartsWith("berthctl: ben: BERTH-M06"));
    EXPECT_TRUE(run({"vm", "list", "ben"}).refused("BERTH-M06"));
}

TEST_F(VmListTest, lists_those_that_run_by_what_the_workstations_posted) {
    add_machine();
    EXPECT_EQ(json_of({"vm", "list", "--running"}), nlohmann::json::array());
    ASSERT_TRUE(store()->post_status(
        "m-0001",
        {.boot_id = "b",
         .session = nlohmann::json{{"user", "ann"}, {"vm", "work"}, {"since", "2026-01-01T08:00:00Z"}}}));
    EXPECT_THAT(out_of({"vm", "list", "--running"}), HasSubstr("ann"));
    EXPECT_EQ(json_of({"vm", "list", "--running"})[0]["vm"], "work");
}

TEST_F(VmListTest, lists_those_that_run_by_the_lock_files_of_a_directory) {
    std::filesystem::create_directories(folder + "/users/ann/work");
    file("users/ann/work/machine.toml", "");
    EXPECT_EQ(json_of({"vm", "list", "--running", "--directory", folder + "/users"}),
              nlohmann::json::array());
    EXPECT_EQ(run({"vm", "list", "--running", "--directory", folder + "/none"}).code, 1);
    EXPECT_NE(run({"vm", "list", "--running", "ann"}).code, 0);
}

}  // namespace
}  // namespace berth::server
