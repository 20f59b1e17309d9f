// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using VmShowTest = CtlTest;

TEST_F(VmShowTest, says_what_it_is_and_names_its_files) {
    add_vm();
    of("ann").put("work/base.raw", files::FileType::symlink, "/shared/base.raw");
    const std::string out = out_of({"vm", "show", "ann/work"});
    EXPECT_THAT(out, StartsWith("vm: ann/work\nwhere: /srv/users/ann\nuuid: "));
    EXPECT_THAT(out, HasSubstr("\ncpus: 2\nmemory: 2 GiB\n"));
    EXPECT_THAT(out, HasSubstr("file: base.raw -> /shared/base.raw ("));
    EXPECT_THAT(out, HasSubstr("file: software.raw (1048576 bytes)\n"));
}

TEST_F(VmShowTest, says_who_uses_it) {
    add_vm();
    lock_vm();
    EXPECT_THAT(out_of({"vm", "show", "ann/work"}),
                HasSubstr("in use on: berth-7 since 2026-01-01T08:00:00Z\n"));
}

TEST_F(VmShowTest, prints_the_same_facts_with_json) {
    add_vm();
    const auto shown = json_of({"vm", "show", "ann/work"});
    EXPECT_EQ(shown["where"], "/srv/users/ann");
    EXPECT_EQ(shown["holder"], nullptr);
    EXPECT_EQ(shown["files"].size(), 2U);
}

TEST_F(VmShowTest, shows_one_whose_configuration_is_wrong) {
    of("ann").put("work/machine.toml", files::FileType::regular, "schema = 1\n");
    EXPECT_THAT(json_of({"vm", "show", "ann/work"})["error"], StartsWith("BERTH-C05"));
    EXPECT_THAT(out_of({"vm", "show", "ann/work"}), HasSubstr("machine.toml: BERTH-C05"));
}

TEST_F(VmShowTest, refuses_what_is_not_there_and_what_is_no_name) {
    EXPECT_TRUE(run({"vm", "show", "ann/none"}).refused("BERTH-P27"));
    EXPECT_TRUE(run({"vm", "show", "ann"}).refused("BERTH-M36"));
    EXPECT_TRUE(run({"vm", "show", "eve/work"}).refused("BERTH-P29"));
}

}  // namespace
}  // namespace berth::server
