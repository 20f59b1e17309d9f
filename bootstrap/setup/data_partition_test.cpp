// SPDX-License-Identifier: GPL-3.0-or-later
// Image files instead of disks: libblkid, sfdisk and mkfs work on both, and no privilege is needed.
#include "bootstrap/setup/data_partition.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <random>

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
        return std::holds_alternative<CreateOnDisk>(
            plan_data_partition({probe_disk(disk)}, {.may_create = true}));
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
    EXPECT_TRUE(std::holds_alternative<UseMemory>(plan_data_partition({facts}, {.may_create = true})));
}

TEST_F(ProbeDisk, finds_a_blank_partition_of_its_type_that_was_made_by_hand) {
    tool({"sfdisk", "--quiet", "--wipe", "never", disk}, sfdisk_script(2ULL << 30));
    EXPECT_EQ(plan_data_partition({probe_disk(disk)}, {}),
              PartitionPlan(FormatPartition{partition_path(disk, 1)}));
    tool({"mkfs.ext4", "-q", "-F", "-L", k_data_label, "-E", "offset=1048576", disk, "1G"});
    EXPECT_EQ(plan_data_partition({probe_disk(disk)}, {}),
              PartitionPlan(UsePartition{partition_path(disk, 1)}));
}

/// The real steps on an image file: what is meant for the partition goes to its place in the file.
class MakeOnFile : public ProbeDisk {
  protected:
    static constexpr uint64_t k_bytes = 1ULL << 30;
    using Sectors = std::map<uint64_t, std::string>;

    void SetUp() override {
        ProbeDisk::SetUp();
        ASSERT_EQ(truncate(disk.c_str(), k_bytes), 0);
    }
    std::vector<MakeStep> steps(const DataMark& done) const {
        auto list = steps_to_create(disk, k_bytes, done);
        for (auto& step : list) {
            if (auto* mark = std::get_if<WriteMark>(&step); mark != nullptr && mark->path != disk)
                *mark = {disk, k_mib + mark->offset, mark->mark};
            auto* run = std::get_if<RunTool>(&step);
            if (run == nullptr || run->arguments[0] != "mkfs.ext4") continue;
            // Discarding would not keep to the offset.
            const std::string size = run->arguments.back();
            run->arguments.resize(run->arguments.size() - 2);
            for (const std::string& a :
                 {std::string("-E"), std::string("offset=1048576,nodiscard"), disk, size})
                run->arguments.push_back(a);
        }
        return list;
    }
    /// Every sector that is not zero.
    Sectors content() const {
        Sectors found;
        const UniqueFd fd(open(disk.c_str(), O_RDONLY | O_CLOEXEC));
        std::string block(k_mib, '\0');
        for (off_t at = 0; (at = lseek(fd.get(), at, SEEK_DATA)) >= 0;) {
            at = at / k_mib * k_mib;
            EXPECT_EQ(pread(fd.get(), block.data(), block.size(), at), static_cast<ssize_t>(block.size()));
            for (size_t i = 0; i < block.size(); i += 512)
                if (const std::string sector = block.substr(i, 512); sector != std::string(512, '\0'))
                    found[static_cast<uint64_t>(at) + i] = sector;
            at += k_mib;
        }
        return found;
    }
    void restore(const Sectors& sectors) const {
        ASSERT_EQ(truncate(disk.c_str(), 0), 0);
        ASSERT_EQ(truncate(disk.c_str(), k_bytes), 0);
        const UniqueFd fd(open(disk.c_str(), O_WRONLY | O_CLOEXEC));
        for (const auto& [at, bytes] : sectors)
            ASSERT_EQ(pwrite(fd.get(), bytes.data(), 512, static_cast<off_t>(at)), 512);
    }
    /// What a power cut may leave of a step, beyond nothing and all: all subsets of its sectors when they are
    /// few, else prefixes and random ones.
    static std::vector<Sectors> cuts(const Sectors& before, const Sectors& after) {
        std::vector<uint64_t> changed;
        for (const auto& [at, bytes] : after)
            if (auto old = before.find(at); old == before.end() || old->second != bytes)
                changed.push_back(at);
        for (const auto& [at, bytes] : before)
            if (!after.contains(at)) changed.push_back(at);
        const bool all = changed.size() <= 8;
        std::mt19937 random(1);
        std::vector<Sectors> found;
        for (size_t n = 0; n < (all ? size_t{1} << changed.size() : 20); ++n) {
            Sectors disk_then = before;
            const size_t prefix = n * changed.size() / 10;
            for (size_t i = 0; i < changed.size(); ++i) {
                const bool written = all ? (n >> i) & 1 : n < 10 ? i < prefix : random() % 2 == 0;
                if (!written) continue;
                if (auto now = after.find(changed[i]); now != after.end())
                    disk_then[changed[i]] = now->second;
                else
                    disk_then.erase(changed[i]);
            }
            found.push_back(std::move(disk_then));
        }
        return found;
    }
    PartitionPlan plan() const { return plan_data_partition({probe_disk(disk)}, {.may_create = true}); }
    void make_all(const DataMark& done) const {
        for (const auto& step : steps(done)) {
            const Status status = run_step(step);
            ASSERT_TRUE(status) << status.error().to_log();
        }
        EXPECT_EQ(plan(), PartitionPlan(UsePartition{partition_path(disk, 1), done}));
    }
    void check_every_cut(const PartitionPlan& at_first) {
        const auto list = steps({.made = true});
        size_t number = 0, table = 0;
        for (size_t i = 0; i < list.size(); ++i) {
            const Sectors before = content();
            const Status status = run_step(list[i]);
            ASSERT_TRUE(status) << status.error().to_log();
            const Sectors after = content();
            for (const auto& cut : cuts(before, after)) {
                restore(cut);
                const PartitionPlan now = plan();
                const bool first = i == 0 && cut == before, last = i + 1 == list.size() && cut == after;
                EXPECT_EQ(now, first  ? at_first
                               : last ? PartitionPlan(UsePartition{partition_path(disk, 1), {.made = true}})
                                      : PartitionPlan(CreateOnDisk{disk}))
                    << "step " << i << ", cut " << number;
                ++number;
                // From the odd states between, all the way.
                if (i == 1 && ++table % 8 == 3) make_all({.made = true, .remade = "remake-7"});
            }
            restore(after);
        }
        EXPECT_GE(number, 40u);
        EXPECT_GE(table, 16u);
    }
};

TEST_F(MakeOnFile, a_power_cut_at_any_sector_of_any_step_means_that_it_is_made_again) {
    check_every_cut(CreateOnDisk{disk});
}

TEST_F(MakeOnFile, a_power_cut_while_it_is_made_again_means_that_it_is_made_once_more) {
    make_all({.made = true});
    const UniqueFd fd(open(disk.c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_TRUE(run_step(WriteMark{disk, k_mib + data_mark_offset(whole_disk_partition(k_bytes)), {}}));
    check_every_cut(CreateOnDisk{disk});
}

TEST_F(MakeOnFile, the_mark_counts_on_no_disk_that_somebody_took_for_something_else_meanwhile) {
    const auto list = steps({.made = true});
    ASSERT_TRUE(run_step(list[0]));
    const Sectors marked = content();
    const std::vector<std::pair<std::vector<std::string>, std::string>> others{
        {{"sfdisk", "-q", disk}, "label: gpt\ntype=linux\n"},
        {{"sfdisk", "-q", disk}, "label: gpt\n"},
        {{"sfdisk", "-q", disk}, "label: dos\ntype=7\n"},
        {{"mkswap", disk}, ""},
        {{"mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=1", disk, "900M"}, ""},
    };
    for (const auto& [command, input] : others) {
        restore(marked);
        tool(command, input);
        EXPECT_TRUE(std::holds_alternative<UseMemory>(plan())) << command[0] << " " << input;
    }
    // Nor when that table was destroyed later.
    restore(marked);
    tool(others[0].first, others[0].second);
    put(0, std::string(1024, '\0'));
    put(static_cast<off_t>(k_bytes) - 512, std::string(512, '\0'));
    EXPECT_TRUE(std::holds_alternative<UseMemory>(plan()));
}

TEST_F(ProbeDisk, leaves_another_systems_partition_alone) {
    tool({"sfdisk", "--quiet", disk}, "label: gpt\ntype=linux\n");
    tool({"mkfs.ext4", "-q", "-F", "-L", k_data_label, "-E", "offset=1048576", disk, "1G"});
    EXPECT_TRUE(
        std::holds_alternative<UseMemory>(plan_data_partition({probe_disk(disk)}, {.may_create = true})));
}

TEST(UnfinishedSessions, are_the_state_files_of_the_listing) {
    EXPECT_EQ(unfinished_sessions(""), "");
    EXPECT_EQ(unfinished_sessions("/12/040700/0/0/.//\n/2/040711/0/0/..//\n/13/100600/0/0/s1.claim/0/\n"),
              "");
    EXPECT_EQ(unfinished_sessions("/12/040700/0/0/.//\n/13/100600/0/0/s1.json/812/\n/0/000000/0/0//\n"),
              "the state of 1 unfinished session: s1");
    EXPECT_EQ(unfinished_sessions("/13/100600/0/0/a.json/1/\n/14/100600/0/0/b\x1b.json/1/"),
              "the state of 2 unfinished sessions: a, b\\x1b");
    std::string many;
    for (int n = 0; n < 1000; ++n) many += "/1/100600/0/0/session.json/1/\n";
    EXPECT_LE(unfinished_sessions(many).size(), 200u);
}

TEST(PartitionPath, puts_a_p_behind_a_digit) {
    EXPECT_EQ(partition_path("/dev/sda", 1), "/dev/sda1");
    EXPECT_EQ(partition_path("/dev/nvme0n1", 2), "/dev/nvme0n1p2");
}

}  // namespace
}  // namespace berth::boot
