// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/local/local_ops.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "files/remove_tree.h"
#include "tests/testing/code_of.h"

namespace berth::files {
namespace {

namespace fs = std::filesystem;

struct LocalOpsTest : ::testing::Test {
    LocalOpsTest() {
        char name[] = "/tmp/berth-local-XXXXXX";
        folder = mkdtemp(name);
        fs::create_directory(folder / "ann");
        auto opened = LocalOps::open(folder, "ann", {geteuid(), getegid(), {}});
        if (opened) ops = std::move(*opened);
    }
    ~LocalOpsTest() override { fs::remove_all(folder); }
    fs::path folder;
    std::unique_ptr<LocalOps> ops;
};

TEST_F(LocalOpsTest, writes_reads_links_renames_and_removes) {
    auto file = ops->create(ops->root(), "a", 0640);
    ASSERT_TRUE(file);
    ASSERT_TRUE(ops->write_sync(*file, 2, "xyz"));
    EXPECT_EQ(*ops->read(*file, 0, 100), std::string("\0\0xyz", 5));
    EXPECT_EQ(code_of(ops->create(ops->root(), "a", 0600)), "BERTH-M13");
    ASSERT_TRUE(ops->link(*file, ops->root(), "b"));
    EXPECT_EQ(code_of(ops->link(*file, ops->root(), "b")), "BERTH-M13");
    ASSERT_TRUE(ops->rename(ops->root(), "b", "c"));
    EXPECT_EQ(ops->lookup(ops->root(), "c")->handle, *file);
    EXPECT_EQ(ops->lookup(ops->root(), "c")->attributes.mode, 0640U);
    ASSERT_TRUE(ops->remove(ops->root(), "c"));
    EXPECT_EQ(code_of(ops->lookup(ops->root(), "c")), "BERTH-M09");
    ASSERT_TRUE(ops->set_size(*file, 4096));
    EXPECT_EQ(ops->attributes(*file)->size, 4096U);
    EXPECT_EQ(ops->list(ops->root())->size(), 1U);
}

TEST_F(LocalOpsTest, a_handle_is_the_file_and_not_its_name) {
    auto file = ops->create(ops->root(), "a", 0600);
    ASSERT_TRUE(ops->write_sync(*file, 0, "mine"));
    fs::rename(folder / "ann/a", folder / "ann/b");
    std::ofstream(folder / "secret") << "geheim";
    fs::create_symlink("../secret", folder / "ann/a");
    EXPECT_EQ(*ops->read(*file, 0, 100), "mine");
    auto link = ops->lookup(ops->root(), "a");
    ASSERT_TRUE(link);
    EXPECT_EQ(link->attributes.type, FileType::symlink);
    EXPECT_EQ(code_of(ops->read(link->handle, 0, 100)), "BERTH-M09");
    EXPECT_EQ(*ops->readlink(link->handle), "../secret");
}

TEST_F(LocalOpsTest, a_path_is_no_name) {
    std::ofstream(folder / "secret") << "geheim";
    for (const char* name : {"../secret", "..", ".", "", "/etc/passwd"})
        EXPECT_EQ(code_of(ops->lookup(ops->root(), name)), "BERTH-M09") << name;
    EXPECT_FALSE(ops->create(ops->root(), "../made", 0600));
    EXPECT_FALSE(fs::exists(folder / "made"));
}

TEST_F(LocalOpsTest, a_users_folder_that_is_a_link_is_not_opened) {
    fs::create_directory_symlink("ann", folder / "ben");
    EXPECT_EQ(code_of(LocalOps::open(folder, "ben", {geteuid(), getegid(), {}})), "BERTH-M09");
}

TEST_F(LocalOpsTest, a_device_or_pipe_is_not_opened) {
    ASSERT_EQ(mkfifo((folder / "ann/pipe").c_str(), 0600), 0);
    auto pipe = ops->lookup(ops->root(), "pipe");
    ASSERT_TRUE(pipe);
    EXPECT_EQ(code_of(ops->read(pipe->handle, 0, 1)), "BERTH-M09");
}

TEST_F(LocalOpsTest, old_handles_are_forgotten_and_the_root_is_not) {
    std::vector<FileHandle> handles;
    for (int i = 0; i < 600; ++i) handles.push_back(*ops->create(ops->root(), std::to_string(i), 0600));
    EXPECT_EQ(code_of(ops->attributes(handles.front())), "BERTH-M10");
    EXPECT_TRUE(ops->attributes(handles.back()));
    EXPECT_TRUE(ops->attributes(ops->root()));
}

TEST_F(LocalOpsTest, a_handle_that_is_used_is_not_forgotten) {
    const auto used = ops->create(ops->root(), "used", 0600),
               below = ops->make_directory(ops->root(), "below", 0700);
    ASSERT_TRUE(used && below);
    for (int i = 0; i < 1200; ++i) {
        ASSERT_TRUE(ops->create(*below, std::to_string(i), 0600)) << i;
        ASSERT_TRUE(ops->attributes(*used)) << i;
    }
    EXPECT_TRUE(remove_tree(*ops, ops->root(), "below"));
    EXPECT_FALSE(fs::exists(folder / "ann/below"));
}

}  // namespace
}  // namespace berth::files
