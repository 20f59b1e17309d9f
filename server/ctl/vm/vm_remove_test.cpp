// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class VmRemoveTest : public CtlTest {
  protected:
    VmRemoveTest() { add_vm(); }
    const std::vector<std::string> line{"vm", "remove", "ann/work"},
        without_asking{"vm", "remove", "-y", "ann/work"};
};

TEST_F(VmRemoveTest, shows_what_will_go_and_removes_it_after_a_yes) {
    answers("y");
    const std::string out = out_of(line);
    EXPECT_THAT(out, HasSubstr("-vm: ann/work\n"));
    EXPECT_THAT(out, HasSubstr("-file: software.raw (1048576 bytes)\n"));
    EXPECT_THAT(out, Not(HasSubstr("lock")));
    EXPECT_TRUE(names("ann").empty());
}

TEST_F(VmRemoveTest, keeps_it_and_gives_the_lock_back_after_a_no) {
    answers("n");
    EXPECT_THAT(out_of(line), HasSubstr("ann/work: nothing changed\n"));
    EXPECT_THAT(names("ann", "work"), ElementsAre("last-used.1", "machine.toml", "software.raw"));
}

TEST_F(VmRemoveTest, takes_no_lock_where_it_cannot_ask) {
    EXPECT_TRUE(run(line).refused("BERTH-P06"));
    EXPECT_THAT(names("ann", "work"), ElementsAre("machine.toml", "software.raw"));
}

TEST_F(VmRemoveTest, removes_nothing_when_a_signal_is_the_answer) {
    answers("");
    console.while_asked = [this] { console.was_interrupted = true; };
    EXPECT_TRUE(run(line).refused("BERTH-P30"));
    EXPECT_THAT(names("ann", "work"), ElementsAre("last-used.1", "machine.toml", "software.raw"));
}

TEST_F(VmRemoveTest, leaves_a_vm_in_use_alone) {
    lock_vm();
    EXPECT_TRUE(run(without_asking).refused("BERTH-K01"));
    EXPECT_THAT(names("ann", "work"), ElementsAre("lock.9", "machine.toml", "software.raw"));
}

TEST_F(VmRemoveTest, prints_what_was_removed_or_null_with_json) {
    answers("n");
    EXPECT_EQ(json_of(line)["removed"], nullptr);
    EXPECT_EQ(json_of(without_asking)["removed"], "ann/work");
    EXPECT_EQ(console.error, "");
}

}  // namespace
}  // namespace berth::server
