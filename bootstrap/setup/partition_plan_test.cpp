// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/setup/partition_plan.h"

#include <gtest/gtest.h>

namespace berth::boot {
namespace {

DiskFacts empty_disk(const std::string& path, uint64_t bytes = 100ULL << 30) {
    return {.path = path, .bytes = bytes, .edges_are_zero = true, .partitions = {}};
}
DiskFacts data_disk(const std::string& path) {
    DiskFacts d = empty_disk(path);
    d.has_table = true;
    d.edges_are_zero = false;
    d.partitions = {{.path = path + "1",
                     .type = k_data_partition_type,
                     .file_system = "ext4",
                     .label = k_data_label,
                     .start = k_mib,
                     .bytes = whole_disk_partition(d.bytes)}};
    return d;
}
DataMark making() {
    return {};
}
DataMark made(const std::string& remade = "") {
    return {.made = true, .remade = remade};
}
bool is_memory(const PartitionPlan& plan) {
    return std::holds_alternative<UseMemory>(plan);
}

TEST(PartitionPlan, uses_a_data_partition_whatever_the_record_says) {
    EXPECT_EQ(plan_data_partition({data_disk("/dev/sda")}, {}), PartitionPlan(UsePartition{"/dev/sda1"}));
    EXPECT_EQ(plan_data_partition({empty_disk("/dev/sdb", 1ULL << 40), data_disk("/dev/sda")},
                                  {.may_create = true}),
              PartitionPlan(UsePartition{"/dev/sda1"}));
}

TEST(PartitionPlan, makes_one_on_an_empty_disk_only_when_the_record_says_so) {
    EXPECT_EQ(plan_data_partition({empty_disk("/dev/sda")}, {.may_create = true}),
              PartitionPlan(CreateOnDisk{"/dev/sda"}));
    EXPECT_TRUE(is_memory(plan_data_partition({empty_disk("/dev/sda")}, {})));
}

TEST(PartitionPlan, takes_the_larger_of_two_empty_disks_and_the_first_of_equal_ones) {
    EXPECT_EQ(plan_data_partition({empty_disk("/dev/sda", 10ULL << 30), empty_disk("/dev/sdb", 20ULL << 30)},
                                  {.may_create = true}),
              PartitionPlan(CreateOnDisk{"/dev/sdb"}));
    EXPECT_EQ(plan_data_partition({empty_disk("/dev/sdb"), empty_disk("/dev/sda")}, {.may_create = true}),
              PartitionPlan(CreateOnDisk{"/dev/sda"}));
}

TEST(PartitionPlan, never_touches_a_disk_with_any_sign_of_content) {
    for (int sign = 0; sign < 4; ++sign) {
        DiskFacts d = empty_disk("/dev/sda");
        if (sign == 0) d.has_table = true;
        if (sign == 1) d.has_signature = true;
        if (sign == 2) d.edges_are_zero = false;
        if (sign == 3)
            d.partitions = {{.path = "/dev/sda1",
                             .type = "0fc63daf-8483-4772-8e79-3d69d8477de4",
                             .file_system = "",
                             .label = ""}};
        EXPECT_TRUE(is_memory(plan_data_partition({d}, {.may_create = true}))) << sign;
        // Nor does it keep the empty one beside it from being used.
        EXPECT_EQ(plan_data_partition({d, empty_disk("/dev/sdb", 2ULL << 30)}, {.may_create = true}),
                  PartitionPlan(CreateOnDisk{"/dev/sdb"}))
            << sign;
    }
}

TEST(PartitionPlan, never_touches_a_disk_that_is_read_only_external_or_in_use) {
    for (int flag = 0; flag < 3; ++flag) {
        for (DiskFacts d : {empty_disk("/dev/sda"), data_disk("/dev/sda")}) {
            if (flag == 1) d.external = "on USB";
            (flag == 0 ? d.read_only : d.in_use) = flag != 1;
            EXPECT_TRUE(is_memory(plan_data_partition({d}, {.may_create = true}))) << flag;
        }
    }
}

TEST(PartitionPlan, makes_none_on_a_disk_below_1_GiB) {
    EXPECT_TRUE(
        is_memory(plan_data_partition({empty_disk("/dev/sda", k_min_data_disk - 1)}, {.may_create = true})));
    EXPECT_FALSE(
        is_memory(plan_data_partition({empty_disk("/dev/sda", k_min_data_disk)}, {.may_create = true})));
}

TEST(PartitionPlan, formats_its_own_partition_when_a_power_cut_left_it_blank) {
    DiskFacts d = data_disk("/dev/sda");
    d.partitions[0].file_system = "";
    d.partitions[0].label = "";
    d.partitions[0].begins_with_zeros = true;
    EXPECT_EQ(plan_data_partition({d}, {}), PartitionPlan(FormatPartition{"/dev/sda1"}));
}

TEST(PartitionPlan, leaves_a_partition_of_its_type_with_other_content_alone) {
    DiskFacts d = data_disk("/dev/sda");
    d.partitions[0].file_system = "ntfs";
    EXPECT_TRUE(is_memory(plan_data_partition({d}, {.may_create = true})));
    d.partitions[0] = {.path = "/dev/sda1",
                       .type = k_data_partition_type,
                       .file_system = "",
                       .label = "",
                       .begins_with_zeros = false,
                       .start = k_mib,
                       .bytes = 1ULL << 30};
    EXPECT_TRUE(is_memory(plan_data_partition({d}, {.may_create = true})));
}

TEST(PartitionPlan, makes_again_what_was_being_made_whatever_is_in_it_and_whatever_the_record_says) {
    for (const char* content : {"ext4", "", "?", "ntfs"}) {
        DiskFacts d = data_disk("/dev/sda");
        d.partitions[0].file_system = content;
        d.partitions[0].mark = making();
        d.partitions[0].mark->lost = "much";
        // Alone on its disk, its table may be what was cut.
        EXPECT_EQ(plan_data_partition({d}, {}),
                  PartitionPlan(CreateOnDisk{.path = "/dev/sda", .lost = "much"}));
        // Beside others only its own content is touched.
        d.partitions.push_back({.path = "/dev/sda2",
                                .type = "0fc63daf-8483-4772-8e79-3d69d8477de4",
                                .file_system = "ext4",
                                .label = "x"});
        EXPECT_EQ(plan_data_partition({d}, {}),
                  PartitionPlan(FormatPartition{.path = "/dev/sda1", .lost = "much"}));
        d.partitions.pop_back();
        d.partitions[0].start = 2 * k_mib;
        EXPECT_EQ(plan_data_partition({d}, {}),
                  PartitionPlan(FormatPartition{.path = "/dev/sda1", .lost = "much"}));
    }
}

TEST(PartitionPlan, begins_again_on_a_disk_whose_table_was_being_written) {
    DiskFacts d = empty_disk("/dev/sda");
    d.edges_are_zero = false;
    EXPECT_TRUE(is_memory(plan_data_partition({d}, {.may_create = true})));
    d.being_made = making();
    EXPECT_EQ(plan_data_partition({d}, {.may_create = true}), PartitionPlan(CreateOnDisk{"/dev/sda"}));
    EXPECT_TRUE(is_memory(plan_data_partition({d}, {})));
    d.has_signature = true;
    EXPECT_TRUE(is_memory(plan_data_partition({d}, {.may_create = true})));
}

TEST(PartitionPlan, never_takes_a_partition_that_was_made_for_one_being_made) {
    DiskFacts d = data_disk("/dev/sda");
    d.partitions[0].mark = made();
    d.partitions[0].file_system = "";
    d.partitions[0].begins_with_zeros = true;
    const auto plan = plan_data_partition({d}, {.may_create = true});
    ASSERT_TRUE(is_memory(plan));
    EXPECT_EQ(std::get<UseMemory>(plan).why, "/dev/sda1 has lost its file system");
}

TEST(PartitionPlan, makes_it_anew_once_for_each_request) {
    const DataRequest first{.may_create = true, .remake = "remake-1"}, second{true, "remake-2"};
    DiskFacts d = data_disk("/dev/sda");
    const PartitionPlan format = FormatPartition{.path = "/dev/sda1", .holds_state = true};
    EXPECT_EQ(plan_data_partition({d}, first), format) << "made by hand, without a mark";
    d.partitions[0].mark = made();
    EXPECT_EQ(plan_data_partition({d}, first), format);
    d.partitions[0].mark = made("remake-1");
    EXPECT_EQ(plan_data_partition({d}, first),
              PartitionPlan(UsePartition{.path = "/dev/sda1", .mark = made("remake-1")}));
    EXPECT_EQ(plan_data_partition({d}, {}),
              PartitionPlan(UsePartition{.path = "/dev/sda1", .mark = made("remake-1")}));
    EXPECT_EQ(plan_data_partition({d}, second), format);
}

TEST(PartitionPlan, makes_anew_what_lost_its_file_system_and_never_a_foreign_disk) {
    const DataRequest request{.may_create = true, .remake = "remake-1"};
    DiskFacts d = data_disk("/dev/sda");
    d.partitions[0].file_system = "?";
    EXPECT_EQ(plan_data_partition({d}, request),
              PartitionPlan(FormatPartition{.path = "/dev/sda1", .holds_state = true}));
    d.partitions[0].file_system = "";
    d.partitions[0].begins_with_zeros = true;
    EXPECT_EQ(plan_data_partition({d}, request), PartitionPlan(FormatPartition{.path = "/dev/sda1"}));
    d.partitions[0].type = "0fc63daf-8483-4772-8e79-3d69d8477de4";
    EXPECT_TRUE(is_memory(plan_data_partition({d}, request)));
    DiskFacts outside = data_disk("/dev/sdb");
    outside.external = "on USB";
    EXPECT_TRUE(is_memory(plan_data_partition({outside}, request)));
    // Without one, an empty disk is taken as for "auto".
    EXPECT_EQ(plan_data_partition({empty_disk("/dev/sdc")}, request),
              PartitionPlan(CreateOnDisk{"/dev/sdc"}));
}

TEST(PartitionPlan, never_formats_a_partition_that_has_no_room_for_the_mark) {
    DiskFacts d = data_disk("/dev/sda");
    d.partitions[0].bytes = k_min_data_partition - 1;
    EXPECT_EQ(plan_data_partition({d}, {.remake = "remake-1"}), PartitionPlan(UsePartition{"/dev/sda1"}));
    d.partitions[0].file_system = "";
    d.partitions[0].begins_with_zeros = true;
    const auto plan = plan_data_partition({d}, {});
    ASSERT_TRUE(is_memory(plan));
    EXPECT_EQ(std::get<UseMemory>(plan).why, "/dev/sda1 is smaller than 64 MiB");
}

TEST(MakeSteps, mark_first_and_last_with_the_file_system_between) {
    const DataMark done{.made = true, .remade = "remake-1", .lost = "x"};
    const DataMark making{.lost = "x"};
    EXPECT_EQ(steps_to_format("/dev/sda1", 100 * k_mib, done),
              (std::vector<MakeStep>{
                  WriteMark{"/dev/sda1", 99 * k_mib, making},
                  RunTool{{"mkfs.ext4", "-q", "-F", "-L", "berth-data", "-m", "0", "/dev/sda1", "101376k"}},
                  WriteMark{"/dev/sda1", 99 * k_mib, done}}));
    const auto create = steps_to_create("/dev/nvme0n1", 1024 * k_mib, done);
    ASSERT_EQ(create.size(), 6u);
    EXPECT_EQ(create[0], MakeStep(WriteMark{"/dev/nvme0n1", 1022 * k_mib, making}));
    EXPECT_EQ(create[3], MakeStep(WriteMark{"/dev/nvme0n1p1", 1021 * k_mib, making}));
    EXPECT_EQ(create[5], MakeStep(WriteMark{"/dev/nvme0n1p1", 1021 * k_mib, done}));
}

TEST(PartitionPlan, says_why_it_stays_in_memory) {
    const auto plan = plan_data_partition({empty_disk("/dev/sda", 1000)}, {.may_create = true});
    EXPECT_EQ(std::get<UseMemory>(plan).why, "/dev/sda is smaller than 1 GiB");
    EXPECT_EQ(std::get<UseMemory>(plan_data_partition({}, {.may_create = true})).why, "no disk may be used");
}

}  // namespace
}  // namespace berth::boot
