// SPDX-License-Identifier: GPL-3.0-or-later
// The data partition from an empty disk to a mounted file system, with the real tools and kernel. The disk is
// an image file; its partition is a loop device over the part of the file where the table puts it, for not
// every kernel reads the tables of loop devices.
#include "bootstrap/setup/data_partition.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>

#include "base/fd.h"
#include "base/spawn.h"
#include "tests/testing/recording_report.h"

namespace berth::boot {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class DataPartition : public testing::Test {
  protected:
    static constexpr uint64_t k_bytes = 1ULL << 30;
    static constexpr DataRequest k_auto{.may_create = true};

    void SetUp() override {
        char name[] = "/tmp/berth-data-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        folder_ = name;
        disk = folder_ + "/disk";
        target = folder_ + "/data";
        ASSERT_TRUE(write_file_durably(disk, ""));
        ASSERT_EQ(truncate(disk.c_str(), k_bytes), 0);
        loop_ = tool({"losetup", "--find", "--show", "--offset", std::to_string(k_mib), "--sizelimit",
                      std::to_string(whole_disk_partition(k_bytes)), disk});
        loop_ = loop_.substr(0, loop_.find('\n'));
        fs::create_symlink(loop_, partition());
    }
    void TearDown() override {
        umount2(target.c_str(), 0);
        if (!loop_.empty()) tool({"losetup", "--detach", loop_});
        fs::remove_all(folder_);
    }

    std::string partition() const { return partition_path(disk, 1); }
    static std::string tool(std::vector<std::string> arguments) {
        const auto result =
            run_checked({.arguments = std::move(arguments), .environment = {}, .descriptors = {}},
                        std::chrono::seconds(60));
        EXPECT_TRUE(result) << result.error().to_log();
        return result ? *result : "";
    }
    /// As at power-on: nothing is mounted yet.
    DataPlace boot(const DataRequest& request = k_auto) {
        umount2(target.c_str(), 0);
        RecordingReport report;
        const auto place = prepare_data({probe_disk(disk)}, request, target, report);
        EXPECT_TRUE(place) << place.error().to_log();
        return place ? *place : DataPlace{};
    }
    void keep(const std::string& name) { ASSERT_TRUE(write_file_durably(target + "/state/" + name, "{}")); }
    bool kept(const std::string& name) const { return fs::exists(target + "/state/" + name); }
    /// The root folder's inode is gone, and the file system knows of errors: fsck -p leaves that to a person.
    void damage() {
        umount2(target.c_str(), 0);
        tool({"debugfs", "-w", "-R", "clri <2>", partition()});
        tool({"debugfs", "-w", "-R", "set_super_value state 2", partition()});
    }

    std::string disk, target;

  private:
    std::string folder_, loop_;
};

TEST_F(DataPartition, is_made_on_an_empty_disk_and_used_from_then_on) {
    EXPECT_FALSE(boot({}).persistent);
    DataPlace place = boot();
    EXPECT_TRUE(place.persistent) << place.why;
    keep("s1.json");
    place = boot({});
    EXPECT_TRUE(place.persistent) << place.why;
    EXPECT_TRUE(kept("s1.json"));
    EXPECT_EQ(place.why + place.remade, "");
    // Fills it and is still there: the mark is outside of the file system.
    EXPECT_EQ(probe_disk(disk).partitions.at(0).mark, (DataMark{.made = true}));
    const std::string size = tool({"blockdev", "--getsize64", partition()});
    EXPECT_LE(fs::space(target).capacity, std::stoull(size) - k_mib);
}

TEST_F(DataPartition, is_made_whichever_step_a_power_cut_came_after) {
    const auto steps = steps_to_create(disk, k_bytes, {.made = true});
    for (size_t cut = 0; cut <= steps.size(); ++cut) {
        umount2(target.c_str(), 0);
        ASSERT_EQ(truncate(disk.c_str(), 0), 0);
        ASSERT_EQ(truncate(disk.c_str(), k_bytes), 0);
        for (size_t i = 0; i < cut; ++i) ASSERT_TRUE(run_step(steps[i])) << i;
        const DataPlace place = boot();
        EXPECT_TRUE(place.persistent) << cut << ": " << place.why;
    }
}

TEST_F(DataPartition, is_made_again_after_mkfs_was_killed_at_its_first_writes) {
    const auto steps = steps_to_create(disk, k_bytes, {.made = true});
    for (size_t i = 0; i + 2 < steps.size(); ++i) ASSERT_TRUE(run_step(steps[i])) << i;
    for (const int at : {1, 2, 5, 20}) {
        const auto mkfs = std::get<RunTool>(steps[steps.size() - 2]);
        std::vector<std::string> arguments{
            "strace", "-qq", "-o", "/dev/null", "-e", fmt::format("inject=pwrite64:signal=KILL:when={}", at)};
        arguments.insert(arguments.end(), mkfs.arguments.begin(), mkfs.arguments.end());
        const auto killed =
            run({.arguments = arguments, .environment = {}, .descriptors = {}}, std::chrono::seconds(60));
        ASSERT_TRUE(killed && killed->exit_code == 128 + 9) << at;
        EXPECT_EQ(plan_data_partition({probe_disk(disk)}, {}), PartitionPlan(CreateOnDisk{disk})) << at;
    }
    EXPECT_TRUE(boot().persistent);
}

TEST_F(DataPartition, is_made_anew_once_when_fsck_leaves_errors_and_the_record_says_so) {
    ASSERT_TRUE(boot().persistent);
    damage();
    DataPlace place = boot();
    EXPECT_FALSE(place.persistent);
    EXPECT_THAT(place.why, HasSubstr("fsck.ext4 ended with code 4"));
    EXPECT_FALSE(boot().persistent) << "nothing is formatted automatically";
    const DataRequest request{.may_create = true, .remake = "remake-1"};
    place = boot(request);
    EXPECT_TRUE(place.persistent) << place.why;
    EXPECT_EQ(place.remade, "remake-1");
    EXPECT_EQ(place.why, "made anew, which took away its state, which could not be read");
    keep("s1.json");
    // The provisioner has not heard of it yet, and the machine was started again.
    place = boot(request);
    EXPECT_TRUE(place.persistent && kept("s1.json"));
    EXPECT_EQ(place.remade, "remake-1");
    EXPECT_NE(place.why, "");
    // It has.
    place = boot();
    EXPECT_TRUE(place.persistent && kept("s1.json"));
    EXPECT_EQ(place.why + place.remade, "");
}

TEST_F(DataPartition, says_when_made_anew_whose_state_it_took_away_even_after_a_power_cut) {
    ASSERT_TRUE(boot().persistent);
    keep("s7.json"), keep("s7.claim"), keep("s8.json");
    const DataRequest request{.may_create = true, .remake = "remake-2"};
    DataPlace place = boot(request);
    EXPECT_TRUE(place.persistent && !kept("s7.json"));
    EXPECT_EQ(place.why, "made anew, which took away the state of 2 unfinished sessions: s7, s8");
    // Again, and the plug is pulled during mkfs.
    keep("s9.json");
    umount2(target.c_str(), 0);
    const auto cut = steps_to_format(partition(), whole_disk_partition(k_bytes),
                                     {.made = true, .remade = "remake-3", .lost = "the state of s9"});
    ASSERT_TRUE(run_step(cut[0]));
    place = boot({.may_create = true, .remake = "remake-3"});
    EXPECT_TRUE(place.persistent && !kept("s9.json"));
    EXPECT_EQ(place.why, "made anew, which took away the state of s9");
    EXPECT_EQ(place.remade, "remake-3");
}

}  // namespace
}  // namespace berth::boot
