// SPDX-License-Identifier: GPL-3.0-or-later
// Image files instead of disks: libblkid, sfdisk and mkfs work on both, and no privilege is needed.
#include "bootstrap/data_partition.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "base/fd.h"
#include "base/spawn.h"

namespace berth::boot {
namespace {

class ProbeDisk : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/berth-disk-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        folder_ = name;
        disk = folder_ + "/disk";
        ASSERT_TRUE(write_file_durably(disk, ""));
        ASSERT_EQ(truncate(disk.c_str(), 2LL << 30), 0);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    void tool(std::vector<std::string> arguments, const std::string& input = {}) {
        const auto result =
            run_checked({.arguments = std::move(arguments), .environment = {}, .descriptors = {}},
                        std::chrono::seconds(60), input);
        ASSERT_TRUE(result) << result.error().to_log();
    }
    void put(off_t at, const std::string& bytes) {
        const UniqueFd fd(open(disk.c_str(), O_WRONLY | O_CLOEXEC));
        ASSERT_EQ(pwrite(fd.get(), bytes.data(), bytes.size(), at), static_cast<ssize_t>(bytes.size()));
    }
    /// Whether the plan, allowed to create, would overwrite the disk.
    bool would_be_taken() {
        return std::holds_alternative<CreateOnDisk>(plan_data_partition({probe_disk(disk)}, true));
    }

    std::string disk;

  private:
    std::string folder_;
};

TEST_F(ProbeDisk, takes_zeros_for_an_empty_disk) {
    EXPECT_TRUE(would_be_taken());
}

TEST_F(ProbeDisk, sees_foreign_content_of_every_kind) {
    const std::vector<std::pair<const char*, std::vector<std::string>>> makers{
        {"ext4 on the whole disk", {"mkfs.ext4", "-q", "-F", disk}},
        {"swap on the whole disk", {"mkswap", disk}},
        {"empty GPT", {"sfdisk", "-q", disk}},
    };
    for (const auto& [what, command] : makers) {
        ASSERT_EQ(truncate(disk.c_str(), 0), 0);
        ASSERT_EQ(truncate(disk.c_str(), 2LL << 30), 0);
        tool(command, what == std::string("empty GPT") ? "label: gpt\n" : "");
        EXPECT_FALSE(would_be_taken()) << what;
    }
}

TEST_F(ProbeDisk, sees_an_mbr_with_partitions_and_one_without) {
    tool({"sfdisk", "-q", disk}, "label: dos\ntype=7\n");
    EXPECT_FALSE(would_be_taken());
    EXPECT_TRUE(probe_disk(disk).has_table);
    tool({"sfdisk", "-q", "--wipe", "always", disk}, "label: dos\n");
    EXPECT_FALSE(would_be_taken());
}

TEST_F(ProbeDisk, sees_bytes_that_nothing_recognises_at_either_edge) {
    put((1 << 20) - 1, "x");
    EXPECT_FALSE(would_be_taken());
    put((1 << 20) - 1, std::string(1, '\0'));
    EXPECT_TRUE(would_be_taken());
    put((2LL << 30) - 1, "x");
    EXPECT_FALSE(would_be_taken());
}

TEST_F(ProbeDisk, takes_a_file_that_it_cannot_read_for_content) {
    const DiskFacts facts = probe_disk(disk + ".missing");
    EXPECT_TRUE(std::holds_alternative<UseMemory>(plan_data_partition({facts}, true)));
}

TEST_F(ProbeDisk, finds_the_partition_that_its_own_script_makes) {
    tool({"sfdisk", "--quiet", "--wipe", "never", disk}, sfdisk_script());
    // Between table and file system: ours, blank.
    EXPECT_EQ(plan_data_partition({probe_disk(disk)}, false),
              PartitionPlan(FormatPartition{partition_path(disk, 1)}));
    tool({"mkfs.ext4", "-q", "-F", "-L", k_data_label, "-E", "offset=1048576", disk, "1G"});
    EXPECT_EQ(plan_data_partition({probe_disk(disk)}, false),
              PartitionPlan(UsePartition{partition_path(disk, 1)}));
}

TEST_F(ProbeDisk, leaves_another_systems_partition_alone) {
    tool({"sfdisk", "--quiet", disk}, "label: gpt\ntype=linux\n");
    tool({"mkfs.ext4", "-q", "-F", "-L", k_data_label, "-E", "offset=1048576", disk, "1G"});
    EXPECT_TRUE(std::holds_alternative<UseMemory>(plan_data_partition({probe_disk(disk)}, true)));
}

TEST(PartitionPath, puts_a_p_behind_a_digit) {
    EXPECT_EQ(partition_path("/dev/sda", 1), "/dev/sda1");
    EXPECT_EQ(partition_path("/dev/nvme0n1", 2), "/dev/nvme0n1p2");
}

}  // namespace
}  // namespace berth::boot
