// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/control_group.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/fd.h"

namespace berth::supervisor {
namespace {

class ControlGroup : public ::testing::Test {
  protected:
    ControlGroup() : group_(testing::TempDir() + "berth-group-" + std::to_string(getpid())) {
        std::filesystem::create_directory(group_);
    }
    ~ControlGroup() override { std::filesystem::remove_all(group_); }

    std::string group_;
};

TEST_F(ControlGroup, is_killed_by_one_word_to_the_kernel) {
    std::ofstream(group_ + "/cgroup.kill").close();
    ASSERT_TRUE(kill_control_group(group_));
    EXPECT_EQ(*read_file(group_ + "/cgroup.kill"), "1");
}

TEST_F(ControlGroup, has_nothing_to_kill_when_it_is_gone) {
    EXPECT_TRUE(kill_control_group(group_ + "/gone.service"));
}

TEST_F(ControlGroup, says_when_it_cannot_be_killed) {
    std::filesystem::create_directory(group_ + "/cgroup.kill");
    EXPECT_FALSE(kill_control_group(group_));
}

}  // namespace
}  // namespace berth::supervisor
