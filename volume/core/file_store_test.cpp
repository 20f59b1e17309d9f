// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/file_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/testing/code_of.h"

namespace berth::volume {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t k_part = 64 << 10;

struct FileStoreTest : ::testing::Test {
    FileStoreTest() {
        char name[] = "/tmp/berth-store-XXXXXX";
        folder = mkdtemp(name);
        std::ofstream(path()) << std::string(16 * k_part, 'x');
        reopen();
    }
    ~FileStoreTest() override { fs::remove_all(folder); }
    std::string path() const { return folder / "swap.raw"; }
    void reopen(bool read_only = false) {
        auto opened = FileStore::open(path(), read_only);
        ASSERT_TRUE(opened) << opened.error().to_log();
        store = std::move(*opened);
    }
    /// How a call ended; it is to be done when it returns.
    static auto into(std::optional<int>& result) {
        return [&result](int error) { result = error; };
    }
    std::string read(uint64_t offset, size_t count) {
        std::string bytes(count, '?');
        std::optional<int> failed;
        store->read(offset, bytes, into(failed));
        EXPECT_EQ(failed, 0);
        return bytes;
    }
    uint64_t room() const {
        struct stat facts{};
        EXPECT_EQ(::stat(path().c_str(), &facts), 0);
        return static_cast<uint64_t>(facts.st_blocks) * 512;
    }

    fs::path folder;
    std::unique_ptr<FileStore> store;
    std::optional<int> ended;
};

TEST_F(FileStoreTest, takes_a_file_and_nothing_else) {
    fs::create_symlink("swap.raw", folder / "link");
    for (const fs::path& other : {folder, folder / "link", folder / "absent"})
        EXPECT_EQ(code_of(FileStore::open(other, true)), "BERTH-V02") << other;
    EXPECT_EQ(store->size(), 16 * k_part);
}

TEST_F(FileStoreTest, reads_back_what_was_written) {
    store->write(7, "seven", into(ended));
    EXPECT_EQ(ended, 0);
    EXPECT_EQ(read(6, 7), "xsevenx");
    ended.reset();
    store->sync(into(ended));
    EXPECT_EQ(ended, 0);
}

TEST_F(FileStoreTest, reads_zeros_where_the_file_has_become_shorter) {
    fs::resize_file(path(), 3);
    EXPECT_EQ(read(0, 5), std::string("xxx\0\0", 5));
    EXPECT_EQ(read(100, 2), std::string("\0\0", 2));
}

TEST_F(FileStoreTest, gives_room_back_and_zeros_what_was_there) {
    ASSERT_TRUE(store->abilities().trim) << "this folder's file system must be able to";
    const uint64_t before = room();
    store->punch(k_part, 4 * k_part, into(ended));
    EXPECT_EQ(ended, 0);
    EXPECT_EQ(read(k_part - 1, 2), std::string("x\0", 2));
    EXPECT_EQ(read(5 * k_part - 1, 2), std::string("\0x", 2));
    EXPECT_LE(room() + 4 * k_part, before);
    EXPECT_EQ(fs::file_size(path()), 16 * k_part);
}

TEST_F(FileStoreTest, zeros_with_and_without_giving_room_back) {
    for (const bool may_punch : {false, true}) {
        const uint64_t before = room();
        ended.reset();
        store->zero(k_part, 4 * k_part, may_punch, into(ended));
        ASSERT_TRUE(ended);
        // A file system that cannot leaves it as it is, and whoever asked writes zeros.
        if (*ended == ENOTSUP) {
            EXPECT_EQ(read(k_part, 1), "x");
            continue;
        }
        EXPECT_EQ(*ended, 0);
        EXPECT_EQ(read(k_part - 1, 2), std::string("x\0", 2));
        EXPECT_EQ(read(5 * k_part - 1, 2), std::string("\0x", 2));
        EXPECT_LE(room() + (may_punch ? 4 * k_part : 0), before);
        EXPECT_GE(room(), may_punch ? 0 : before);
    }
}

TEST_F(FileStoreTest, does_nothing_to_nothing) {
    for (const auto& call : {std::function([&](Store::Done done) { store->punch(0, 0, done); }),
                             std::function([&](Store::Done done) { store->zero(0, 0, true, done); }),
                             std::function([&](Store::Done done) { store->write(0, "", done); })}) {
        ended.reset();
        call(into(ended));
        EXPECT_EQ(ended, 0);
    }
    EXPECT_EQ(read(0, 1), "x");
}

TEST_F(FileStoreTest, knows_its_holes) {
    ASSERT_TRUE(store->abilities().extents);
    store->punch(4 * k_part, 4 * k_part, into(ended));
    std::vector<Extent> found;
    store->extents(k_part, 8 * k_part, found, into(ended));
    EXPECT_EQ(ended, 0);
    EXPECT_EQ(found,
              (std::vector<Extent>{
                  {k_part, 3 * k_part, false}, {4 * k_part, 4 * k_part, true}, {8 * k_part, k_part, false}}));
    found.clear();
    store->punch(0, 16 * k_part, into(ended));
    store->extents(5, 10, found, into(ended));
    EXPECT_EQ(found, (std::vector<Extent>{{5, 10, true}})) << "to the end of the file there is no data";
}

TEST_F(FileStoreTest, tells_of_many_extents_in_several_answers) {
    // 5000 extents of data in as many holes, of 4 KiB each.
    std::ofstream(path(), std::ios::trunc).flush();
    fs::resize_file(path(), 10000 * 4096);
    reopen();
    for (uint64_t i = 0; i < 10000; i += 2) store->write(i * 4096, "x", into(ended));
    uint64_t at = 0, answers = 0;
    for (; at < store->size(); answers++) {
        std::vector<Extent> found;
        store->extents(at, store->size() - at, found, into(ended));
        ASSERT_EQ(ended, 0);
        ASSERT_FALSE(found.empty());
        for (const Extent& extent : found) {
            ASSERT_EQ(extent.offset, at);
            ASSERT_EQ(extent.hole, at / 4096 % 2 == 1);
            at += extent.count;
        }
    }
    EXPECT_EQ(at, store->size());
    EXPECT_GT(answers, 1u);
}

TEST_F(FileStoreTest, can_change_nothing_when_it_is_read_only) {
    reopen(true);
    EXPECT_FALSE(store->abilities().zero);
    EXPECT_FALSE(store->abilities().trim);
    EXPECT_TRUE(store->abilities().extents);
    store->write(0, "y", into(ended));
    EXPECT_EQ(ended, EBADF);
    store->punch(0, 1, into(ended));
    EXPECT_EQ(ended, EBADF);
    store->prefetch(0, k_part, into(ended));
    EXPECT_EQ(ended, 0);
    EXPECT_EQ(read(0, 1), "x");
}

}  // namespace
}  // namespace berth::volume
