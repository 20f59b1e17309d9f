// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class VmCloneTest : public CtlTest {
  protected:
    VmCloneTest() { add_vm(); }
};

TEST_F(VmCloneTest, makes_a_copy_with_an_identity_of_its_own) {
    of("ann").at("work/software.raw")->data = "disk";
    const auto made = json_of({"vm", "clone", "ann/work", "ben/copy"});
    EXPECT_EQ(made.size(), 1U);
    EXPECT_EQ(made[0]["user"], "ben");
    EXPECT_EQ(of("ben").at("copy/software.raw")->data, "disk");
    EXPECT_NE(json_of({"vm", "show", "ben/copy"})["uuid"], json_of({"vm", "show", "ann/work"})["uuid"]);
    EXPECT_THAT(names("ann", "work"), ElementsAre("last-used.1", "machine.toml", "software.raw"));
}

TEST_F(VmCloneTest, makes_one_for_each_user_of_a_file_who_has_none) {
    places.directories["pia"];
    const std::string users = file("class", "# 7b\nben\npia  # late\n\n");
    EXPECT_THAT(out_of({"vm", "clone", "ann/work", "--users", users, "--name", "w"}),
                HasSubstr("pia/w: made, uuid "));
    EXPECT_EQ(out_of({"vm", "clone", "ann/work", "--users", users, "--name", "w"}),
              "ben/w: is there already\npia/w: is there already\n");
}

TEST_F(VmCloneTest, makes_nothing_when_a_name_is_wrong) {
    for (const char* list : {"ben\neve\n", "ben\nben\n", "ben\n.x\n", "# nobody\n"})
        EXPECT_EQ(run({"vm", "clone", "ann/work", "--users", file("class", list)}).code, 1) << list;
    EXPECT_TRUE(run({"vm", "clone", "ann/work"}).refused("BERTH-P06"));
    EXPECT_TRUE(run({"vm", "clone", "ann/none", "ben/w"}).refused("BERTH-P27"));
    EXPECT_TRUE(names("ben").empty());
}

TEST_F(VmCloneTest, leaves_a_vm_in_use_alone_unless_it_may_break_the_lock) {
    lock_vm();
    const Said said = run({"vm", "clone", "ann/work", "ben/w"});
    EXPECT_TRUE(said.refused("BERTH-K01"));
    EXPECT_THAT(said.error, HasSubstr("berth-7"));
    const auto before = clock.now();
    const Said broke = run({"vm", "clone", "--break", "ann/work", "ben/w"});
    EXPECT_EQ(broke.code, 0) << broke.error;
    EXPECT_THAT(broke.error, HasSubstr("waiting for the other workstation to stop: "));
    EXPECT_GE(clock.now() - before, std::chrono::seconds(90));
}

TEST_F(VmCloneTest, says_nothing_about_the_wait_with_json) {
    lock_vm();
    EXPECT_EQ(json_of({"vm", "clone", "--break", "ann/work", "ben/w"}).size(), 1U);
    EXPECT_EQ(console.error, "");
}

TEST_F(VmCloneTest, gives_the_lock_back_at_a_signal) {
    of("ann").at("work/software.raw")->data = "disk";
    console.was_interrupted = true;
    EXPECT_TRUE(run({"vm", "clone", "ann/work", "ben/w"}).refused("BERTH-P30"));
    EXPECT_THAT(names("ann", "work"), ElementsAre("last-used.1", "machine.toml", "software.raw"));
}

}  // namespace
}  // namespace berth::server
