// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::HasSubstr;

using VmCheckTest = CtlTest;

TEST_F(VmCheckTest, says_that_nothing_would_stop_a_login) {
    add_vm();
    EXPECT_EQ(out_of({"vm", "check", "ann/work"}), "ann/work: nothing would stop a login\n");
}

TEST_F(VmCheckTest, prints_every_fault_and_fails_behind_them) {
    add_vm();
    lock_vm();
    of("ann").at("work")->entries.erase("software.raw");
    const Said said = run({"vm", "check", "ann/work"});
    EXPECT_TRUE(said.refused("BERTH-P28"));
    EXPECT_THAT(said.out, HasSubstr("BERTH-M32"));
    EXPECT_THAT(said.out, HasSubstr("BERTH-K01"));
}

TEST_F(VmCheckTest, prints_the_findings_alone_with_json_also_when_it_fails) {
    add_vm();
    EXPECT_EQ(json_of({"vm", "check", "ann/work"})["findings"], nlohmann::json::array());
    lock_vm();
    const auto found = json_of({"vm", "check", "ann/work"}, 1)["findings"];
    EXPECT_EQ(found[0]["code"], "BERTH-K01");
    EXPECT_EQ(found[0]["stops"], true);
    EXPECT_THAT(console.error, HasSubstr("BERTH-P28"));
}

TEST_F(VmCheckTest, counts_a_folder_that_cannot_be_opened_as_a_fault) {
    add_vm();
    places.closed.emplace("ann", Error(ErrorCode::M06, "ann's folder"));
    EXPECT_EQ(json_of({"vm", "check", "ann/work"}, 1)["findings"][0]["code"], "BERTH-M06");
    EXPECT_TRUE(run({"vm", "check", "ben/none"}).refused("BERTH-P27"));
}

}  // namespace
}  // namespace berth::server
