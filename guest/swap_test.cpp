// SPDX-License-Identifier: GPL-3.0-or-later
// With the real mkswap, mkntfs and blkid, on files of a private folder.
#include "guest/swap.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/fd.h"
#include "base/spawn.h"
#include "tests/testing/code_of.h"

namespace berth::guest {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr uint64_t k_size = 64ULL << 20;

class Swap : public testing::Test {
  protected:
    Swap() {
        std::string name = "/tmp/berth-swap-XXXXXX";
        folder_ = mkdtemp(name.data());
        path_ = folder_ / "s1-swap.raw";
    }
    ~Swap() override { fs::remove_all(folder_); }

    struct stat facts() const {
        struct stat st{};
        EXPECT_EQ(lstat(path_.c_str(), &st), 0);
        return st;
    }
    std::string blkid(const std::string& tag) const {
        auto text =
            run_checked({.arguments = {"blkid", "--probe", "--output", "value", "--match-tag", tag, path_}},
                        std::chrono::seconds(20));
        return text ? text->substr(0, text->find('\n')) : text.error().detail();
    }
    std::string bytes(const fs::path& path) const {
        return read_file(path, k_size + 1).value_or("unreadable");
    }

    fs::path folder_;
    std::string path_;
};

const SwapSpec k_linux{.size = k_size,
                       .content = SwapContent::linux_swap,
                       .uuid = "9b0c1d52-8f2e-4c11-a4de-0c5e1ad1b7a3",
                       .label = "-swap"};
const SwapSpec k_template{.size = k_size, .content = SwapContent::from_template, .template_path = "page.raw"};

TEST_F(Swap, is_linux_swap_with_the_uuid_and_label_of_the_description) {
    const Status made = make_swap(path_, k_linux);
    ASSERT_TRUE(made) << made.error().detail();
    EXPECT_EQ(blkid("TYPE"), "swap");
    EXPECT_EQ(blkid("UUID"), k_linux.uuid);
    EXPECT_EQ(blkid("LABEL"), "-swap");
}

TEST_F(Swap, is_a_sparse_private_file_of_the_size) {
    ASSERT_TRUE(make_swap(path_, k_linux));
    EXPECT_EQ(static_cast<uint64_t>(facts().st_size), k_size);
    EXPECT_LT(facts().st_blocks * 512, 1 << 20);
    EXPECT_EQ(facts().st_mode & 07777, 0600u);
}

TEST_F(Swap, is_ntfs_with_the_volume_id_of_the_description_in_both_boot_sectors) {
    const Status made = make_swap(path_, {.size = k_size,
                                          .content = SwapContent::ntfs,
                                          .label = "Page file",
                                          .volume_id = "4a1f6c20d3b5e789"});
    ASSERT_TRUE(made) << made.error().detail();
    EXPECT_EQ(blkid("TYPE"), "ntfs");
    EXPECT_EQ(blkid("UUID"), "4A1F6C20D3B5E789");
    EXPECT_EQ(blkid("LABEL"), "Page file");
    const std::string disk = bytes(path_);
    EXPECT_EQ(disk.substr(0, 512), disk.substr(disk.size() - 512));
    EXPECT_LT(static_cast<uint64_t>(facts().st_blocks) * 512, k_size);
}

TEST_F(Swap, holds_nothing_when_nothing_is_asked_for) {
    ASSERT_TRUE(make_swap(path_, {.size = k_size, .content = SwapContent::none}));
    EXPECT_EQ(static_cast<uint64_t>(facts().st_size), k_size);
    EXPECT_EQ(facts().st_blocks, 0);
}

TEST_F(Swap, is_a_sparse_copy_of_its_template) {
    const fs::path original = folder_ / "template.raw";
    std::ofstream(original) << "head";
    fs::resize_file(original, 20 << 20);
    std::ofstream(original, std::ios::app) << "tail of odd length";
    const std::string whole = bytes(original);
    const SwapTemplate source{whole.size(), [&](uint64_t offset, size_t length) -> Result<std::string> {
                                  return whole.substr(offset, length);
                              }};
    const Status made = make_swap(path_, k_template, &source);
    ASSERT_TRUE(made) << made.error().detail();
    EXPECT_EQ(bytes(path_).substr(0, source.size), whole);
    EXPECT_EQ(static_cast<uint64_t>(facts().st_size), k_size);
    EXPECT_LE(facts().st_blocks * 512, 64 << 10);
}

TEST_F(Swap, refuses_a_template_larger_than_the_disk) {
    const SwapTemplate source{
        k_size + 1, [](uint64_t, size_t) -> Result<std::string> { return fail(ErrorCode::I01, "was read"); }};
    const Status made = make_swap(path_, k_template, &source);
    ASSERT_FALSE(made);
    EXPECT_EQ(code_of(made), "BERTH-S03");
    EXPECT_EQ(made.error().detail(), "page.raw: 67108865 bytes: must be at most the disk's size, 64 MiB");
    EXPECT_FALSE(fs::exists(path_));
}

TEST_F(Swap, leaves_nothing_when_the_template_cannot_be_read) {
    const SwapTemplate source{3 << 20, [](uint64_t offset, size_t length) -> Result<std::string> {
                                  if (offset > 0) return fail(ErrorCode::M03, "server fs1");
                                  return std::string(length, 'x');
                              }};
    const Status made = make_swap(path_, k_template, &source);
    ASSERT_FALSE(made);
    EXPECT_EQ(code_of(made), "BERTH-M03");
    EXPECT_EQ(made.error().detail(), "page.raw: server fs1");
    EXPECT_FALSE(fs::exists(path_));
}

TEST_F(Swap, refuses_a_template_that_shrinks) {
    const SwapTemplate source{1 << 20,
                              [](uint64_t, size_t) -> Result<std::string> { return std::string("short"); }};
    const Status made = make_swap(path_, k_template, &source);
    ASSERT_FALSE(made);
    EXPECT_EQ(code_of(made), "BERTH-S03");
    EXPECT_FALSE(fs::exists(path_));
}

TEST_F(Swap, names_what_it_needs_and_what_there_is) {
    const Status made = make_swap(path_, {.size = 1ULL << 40, .content = SwapContent::none});
    ASSERT_FALSE(made);
    EXPECT_EQ(code_of(made), "BERTH-S01");
    EXPECT_THAT(made.error().detail(),
                HasSubstr(folder_.string() + ": 1048576 MiB and 64 MiB to spare are needed, "));
    EXPECT_FALSE(fs::exists(path_));
    EXPECT_TRUE(check_swap_room(k_size, k_size + k_swap_reserve, "x"));
    EXPECT_FALSE(check_swap_room(k_size, k_size + k_swap_reserve - 1, "x"));
    EXPECT_FALSE(check_swap_room(k_size, 0, "x"));
    EXPECT_FALSE(check_swap_room(UINT64_MAX, UINT64_MAX, "x"));
}

TEST_F(Swap, replaces_what_an_earlier_session_left) {
    std::ofstream(path_) << std::string(1 << 20, 'x');
    ASSERT_TRUE(make_swap(path_, {.size = k_size, .content = SwapContent::none}));
    EXPECT_EQ(facts().st_blocks, 0);
}

TEST_F(Swap, never_writes_through_a_link) {
    const fs::path victim = folder_ / "victim";
    std::ofstream(victim) << "precious";
    fs::create_symlink(victim, path_);
    ASSERT_TRUE(make_swap(path_, k_linux));
    EXPECT_TRUE(S_ISREG(facts().st_mode));
    EXPECT_EQ(bytes(victim), "precious");
}

TEST_F(Swap, says_what_the_tool_said) {
    SwapSpec spec = k_linux;
    spec.uuid = "not a uuid";
    const Status made = make_swap(path_, spec);
    ASSERT_FALSE(made);
    EXPECT_EQ(code_of(made), "BERTH-S02");
    EXPECT_THAT(made.error().detail(), HasSubstr("mkswap ended with code 1"));
    EXPECT_FALSE(fs::exists(path_));
}

TEST_F(Swap, is_deleted_once_and_again) {
    ASSERT_TRUE(make_swap(path_, k_linux));
    EXPECT_TRUE(remove_swap(path_));
    EXPECT_FALSE(fs::exists(path_));
    EXPECT_TRUE(remove_swap(path_));
    fs::create_directory(path_);
    EXPECT_FALSE(remove_swap(path_));
}

TEST_F(Swap, belongs_to_the_user_that_will_serve_it) {
    // Everybody may give a file to themselves; root's case is the same call.
    ASSERT_TRUE(make_swap(path_, {.size = k_size, .content = SwapContent::none}, nullptr,
                          SwapOwner{getuid(), getgid()}));
    EXPECT_EQ(facts().st_uid, getuid());
}

}  // namespace
}  // namespace berth::guest
