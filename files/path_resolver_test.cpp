// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/path_resolver.h"

#include <gtest/gtest.h>

#include "tests/testing/code_of.h"
#include "tests/testing/memory_files.h"

namespace berth::files {
namespace {

struct PathTest : ::testing::Test {
    PathTest() {
        user.put("work/software.raw", FileType::regular, "disk");
        user.put("work/tpm/state", FileType::regular, "tpm");
        user.put("work/outside.raw", FileType::symlink, "../other/secret");
        user.put("work/etc", FileType::symlink, "/etc/passwd");
        user.put("work/shared.raw", FileType::symlink, "/export/shared/images/base.raw");
        user.put("work/almost", FileType::symlink, "/export/shared-not/base.raw");
        user.put("work/climb", FileType::symlink, "/export/shared/../secret");
        user.put("work/around", FileType::symlink, "tpm/../software.raw");
        user.put("work/loop", FileType::symlink, "loop");
        user.put("other/secret", FileType::regular, "secret");
        shared.put("images/base.raw", FileType::regular, "base");
        shared.put("images/current", FileType::symlink, "base.raw");
        shared.put("images/up", FileType::symlink, "../../x");
        directory = MemoryServer::handle(*user.at("work"));
    }
    Result<Resolved> resolve(const std::string& path) {
        return resolve_path(user_ops, directory, {&shared_ops, "/export/shared/"}, path);
    }
    Condition condition(const std::string& path) {
        auto found = resolve(path);
        EXPECT_FALSE(found) << path;
        return found ? Condition::other : found.error().condition();
    }
    MemoryServer user, shared;
    MemoryFiles user_ops{user}, shared_ops{shared};
    FileHandle directory;
};

TEST_F(PathTest, finds_files_of_the_vm) {
    auto found = resolve("software.raw");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->handle, MemoryServer::handle(*user.at("work/software.raw")));
    EXPECT_FALSE(found->shared);
    EXPECT_TRUE(resolve("tpm/state"));
    EXPECT_TRUE(resolve("./tpm//state"));
    EXPECT_EQ(condition("nothing"), Condition::absent);
    EXPECT_EQ(condition("software.raw/x"), Condition::absent);
}

TEST_F(PathTest, follows_an_absolute_link_into_the_shared_tree_only) {
    auto found = resolve("shared.raw");
    ASSERT_TRUE(found) << found.error().to_log();
    EXPECT_EQ(found->handle, MemoryServer::handle(*shared.at("images/base.raw")));
    EXPECT_TRUE(found->shared);
    EXPECT_EQ(found->ops, &shared_ops);
    EXPECT_EQ(condition("etc"), Condition::invalid);
    EXPECT_EQ(condition("almost"), Condition::invalid);
    EXPECT_EQ(condition("climb"), Condition::invalid);
    user.put("work/linked", FileType::symlink, "/export/shared/images/current");
    EXPECT_TRUE(resolve("linked"));
    user.put("work/up", FileType::symlink, "/export/shared/images/up");
    EXPECT_EQ(condition("up"), Condition::invalid);
}

TEST_F(PathTest, never_leaves_the_vms_directory) {
    EXPECT_EQ(condition("../other/secret"), Condition::invalid);
    EXPECT_EQ(condition("tpm/../../other/secret"), Condition::invalid);
    EXPECT_EQ(condition("/etc/passwd"), Condition::invalid);
    EXPECT_EQ(condition(""), Condition::invalid);
    EXPECT_EQ(condition("outside.raw"), Condition::invalid);
    EXPECT_TRUE(resolve("around")) << "a link that stays inside may go up";
    EXPECT_EQ(condition("loop"), Condition::invalid);
}

TEST_F(PathTest, shows_a_hostile_link_harmlessly) {
    user.put("work/clear", FileType::symlink, "/\x1b[2J\n" + std::string(4000, '\xff'));
    auto found = resolve("clear");
    ASSERT_FALSE(found);
    const std::string& text = found.error().detail();
    EXPECT_LT(text.size(), 400u);
    EXPECT_TRUE(text.starts_with("\"clear\": its link to \"/\\x1b[2J\\x0a\\xff")) << text;
    for (const char c : text) EXPECT_TRUE(c >= ' ' && c <= '~') << text;
    // What such a link names is looked for, and its absence told.
    user.put("work/gone", FileType::symlink, "\x1b[2J");
    EXPECT_EQ(resolve("gone").error().detail(), "gone: \\x1b[2J");
}

TEST_F(PathTest, without_a_shared_tree_no_absolute_link_is_followed) {
    auto found = resolve_path(user_ops, directory, {}, "shared.raw");
    ASSERT_FALSE(found);
    EXPECT_EQ(code_of(found), "BERTH-C04");
}

TEST_F(PathTest, a_name_swapped_after_the_check_does_not_change_what_was_found) {
    auto found = resolve("software.raw");
    ASSERT_TRUE(found);
    user.at("work")->entries["software.raw"] = user.at("other/secret");
    auto old = user.at("work/tpm/state");
    auto text = found->ops->read(found->handle, 0, 100);
    // The file that was checked is gone or read; the other one is never read in its place.
    EXPECT_TRUE(!text || *text == "disk");
}

}  // namespace
}  // namespace berth::files
