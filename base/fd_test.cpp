// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace berth {
namespace {

class Files : public ::testing::Test {
  protected:
    Files() {
        char name[] = "/tmp/berth-fd-XXXXXX";
        folder_ = mkdtemp(name);
    }
    ~Files() override { std::filesystem::remove_all(folder_); }
    std::string folder_;
};

TEST_F(Files, are_replaced_whole_and_leave_no_temporary) {
    const std::string path = folder_ + "/state";
    ASSERT_TRUE(write_file_durably(path, "old"));
    ASSERT_TRUE(write_file_durably(path, "new", 0640));
    EXPECT_EQ(read_file(path).value_or(""), "new");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(Files, are_an_error_when_larger_than_the_limit) {
    const std::string path = folder_ + "/large";
    ASSERT_TRUE(write_file_durably(path, std::string(100, 'x')));
    EXPECT_TRUE(read_file(path, 100));
    EXPECT_FALSE(read_file(path, 99));
}

TEST_F(Files, are_refused_at_once_when_they_are_not_regular_files) {
    const std::string fifo = folder_ + "/fifo";
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_FALSE(read_file(fifo));
    EXPECT_FALSE(read_file(folder_));
    EXPECT_FALSE(read_file(folder_ + "/missing"));
}

TEST_F(Files, are_written_and_read_at_an_offset_as_far_as_they_go) {
    const std::string path = folder_ + "/disk";
    ASSERT_TRUE(write_file_durably(path, "0123456789"));
    const UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(write_at(fd.get(), "abc", 4));
    std::string bytes(20, '.');
    EXPECT_EQ(read_at(fd.get(), bytes, 3), 7U);
    EXPECT_EQ(bytes, "3abc789" + std::string(13, '.'));
    EXPECT_EQ(read_at(fd.get(), bytes, 100), 0U);
    EXPECT_FALSE(read_at(-1, bytes, 0));
    EXPECT_FALSE(write_at(-1, "abc", 0));
}

TEST_F(Files, can_be_removed_when_they_are_missing) {
    EXPECT_TRUE(remove_file_durably(folder_ + "/missing"));
}

}  // namespace
}  // namespace berth
