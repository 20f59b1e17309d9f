// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/no_links.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace berth {
namespace {

namespace fs = std::filesystem;

class NoLinks : public testing::Test {
  protected:
    NoLinks() {
        std::string name = "/tmp/berth-links-XXXXXX";
        base_ = mkdtemp(name.data());
        fs::create_directories(base_ / "theirs/sub");
        std::ofstream(base_ / "secret") << "secret";
        std::ofstream(base_ / "theirs/sub/file") << "theirs";
        fs::create_symlink(base_ / "secret", base_ / "theirs/link");
        fs::create_symlink("sub", base_ / "theirs/near");
        fs::create_symlink("theirs", base_ / "ours");
    }
    ~NoLinks() override { fs::remove_all(base_); }

    static UniqueFd listening(const fs::path& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, path.c_str());
        UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(listen(fd.get(), 4), 0);
        return fd;
    }

    fs::path base_;
};

TEST_F(NoLinks, are_followed_nowhere_below_the_folder) {
    EXPECT_EQ(read_file_below(base_ / "theirs", "sub/file").value_or(""), "theirs");
    EXPECT_EQ(read_file_below(base_ / "ours", "sub/file").value_or(""), "theirs") << "root's own link to it";
    for (const std::string path : {"link", "near/file", "../secret", "sub/../../secret", "missing", "sub"})
        EXPECT_FALSE(read_file_below(base_ / "theirs", path)) << path;
    EXPECT_FALSE(open_below(base_ / "theirs", "near", O_PATH | O_DIRECTORY));
    EXPECT_EQ(errno, ELOOP);
    EXPECT_FALSE(open_below(base_ / "theirs", "../secret", O_RDONLY));
    EXPECT_EQ(errno, EXDEV);
}

TEST_F(NoLinks, are_part_of_no_path) {
    EXPECT_TRUE(open_without_links(fs::canonical(base_) / "theirs/sub/file", O_RDONLY));
    EXPECT_FALSE(open_without_links(base_ / "ours/sub/file", O_RDONLY));
    EXPECT_EQ(errno, ELOOP);
}

TEST_F(NoLinks, are_neither_read_nor_written_and_nor_are_pipes) {
    ASSERT_EQ(mkfifo((base_ / "theirs/pipe").c_str(), 0666), 0);
    EXPECT_FALSE(read_file_below(base_ / "theirs", "pipe"));
    for (const std::string name : {"pipe", "link", "fresh"}) {
        auto made = make_file_in(base_ / "theirs", name, 0640);
        ASSERT_TRUE(made) << made.error().to_log();
        ASSERT_TRUE(write_all(made->get(), "ours"));
        struct stat facts{};
        ASSERT_EQ(lstat((base_ / "theirs" / name).c_str(), &facts), 0);
        EXPECT_TRUE(S_ISREG(facts.st_mode)) << name;
    }
    EXPECT_EQ(read_file(base_ / "secret").value_or(""), "secret");
    EXPECT_FALSE(make_file_in(base_ / "theirs", "sub", 0640)) << "a folder stays";
}

TEST_F(NoLinks, lead_to_no_socket) {
    const UniqueFd theirs = listening(base_ / "theirs/socket"), others = listening(base_ / "others");
    fs::create_symlink(base_ / "others", base_ / "theirs/far");
    EXPECT_TRUE(connect_in(base_ / "theirs", "socket"));
    EXPECT_FALSE(connect_in(base_ / "theirs", "far"));
    EXPECT_EQ(errno, ELOOP);
    EXPECT_FALSE(connect_in(base_ / "theirs", "sub/file"));
    EXPECT_EQ(errno, ENOTSOCK);
    EXPECT_FALSE(connect_in(base_ / "theirs", "none"));
    EXPECT_EQ(errno, ENOENT);
}

TEST_F(NoLinks, stand_for_no_file_that_is_replaced_durably) {
    // The private name that write_file_durably makes: whoever may write to the folder can guess it.
    const std::string path = base_ / "theirs/config";
    fs::create_symlink(base_ / "secret", fmt::format("{}.{}.tmp", path, getpid()));
    ASSERT_TRUE(write_file_durably(path, "ours", 0640));
    ASSERT_EQ(mkfifo(fmt::format("{}.{}.tmp", path, getpid()).c_str(), 0666), 0);
    ASSERT_TRUE(write_file_durably(path, "again", 0640));
    EXPECT_EQ(read_file(path).value_or(""), "again");
    EXPECT_EQ(read_file(base_ / "secret").value_or(""), "secret");
}

}  // namespace
}  // namespace berth
