// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/partition_plan.h"

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
    d.partitions = {
        {.path = path + "1", .type = k_data_partition_type, .file_system = "ext4", .label = k_data_label}};
    return d;
}
bool is_memory(const PartitionPlan& plan) {
    return std::holds_alternative<UseMemory>(plan);
}

TEST(PartitionPlan, uses_a_data_partition_whatever_the_record_says) {
    EXPECT_EQ(plan_data_partition({data_disk("/dev/sda")}, false), PartitionPlan(UsePartition{"/dev/sda1"}));
    EXPECT_EQ(plan_data_partition({empty_disk("/dev/sdb", 1ULL << 40), data_disk("/dev/sda")}, true),
              PartitionPlan(UsePartition{"/dev/sda1"}));
}

TEST(PartitionPlan, makes_one_on_an_empty_disk_only_when_the_record_says_so) {
    EXPECT_EQ(plan_data_partition({empty_disk("/dev/sda")}, true), PartitionPlan(CreateOnDisk{"/dev/sda"}));
    EXPECT_TRUE(is_memory(plan_data_partition({empty_disk("/dev/sda")}, false)));
}

TEST(PartitionPlan, takes_the_larger_of_two_empty_disks_and_the_first_of_equal_ones) {
    EXPECT_EQ(
        plan_data_partition({empty_disk("/dev/sda", 10ULL << 30), empty_disk("/dev/sdb", 20ULL << 30)}, true),
        PartitionPlan(CreateOnDisk{"/dev/sdb"}));
    EXPECT_EQ(plan_data_partition({empty_disk("/dev/sdb"), empty_disk("/dev/sda")}, true),
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
        EXPECT_TRUE(is_memory(plan_data_partition({d}, true))) << sign;
        // Nor does it keep the empty one beside it from being used.
        EXPECT_EQ(plan_data_partition({d, empty_disk("/dev/sdb", 2ULL << 30)}, true),
                  PartitionPlan(CreateOnDisk{"/dev/sdb"}))
            << sign;
    }
}

TEST(PartitionPlan, never_touches_a_disk_that_is_read_only_external_or_in_use) {
    for (int flag = 0; flag < 3; ++flag) {
        for (DiskFacts d : {empty_disk("/dev/sda"), data_disk("/dev/sda")}) {
            if (flag == 1) d.external = "on USB";
            (flag == 0 ? d.read_only : d.in_use) = flag != 1;
            EXPECT_TRUE(is_memory(plan_data_partition({d}, true))) << flag;
        }
    }
}

TEST(PartitionPlan, makes_none_on_a_disk_below_1_GiB) {
    EXPECT_TRUE(is_memory(plan_data_partition({empty_disk("/dev/sda", k_min_data_disk - 1)}, true)));
    EXPECT_FALSE(is_memory(plan_data_partition({empty_disk("/dev/sda", k_min_data_disk)}, true)));
}

TEST(PartitionPlan, formats_its_own_partition_when_a_power_cut_left_it_blank) {
    DiskFacts d = data_disk("/dev/sda");
    d.partitions[0].file_system = "";
    d.partitions[0].label = "";
    d.partitions[0].begins_with_zeros = true;
    EXPECT_EQ(plan_data_partition({d}, false), PartitionPlan(FormatPartition{"/dev/sda1"}));
}

TEST(PartitionPlan, leaves_a_partition_of_its_type_with_other_content_alone) {
    DiskFacts d = data_disk("/dev/sda");
    d.partitions[0].file_system = "ntfs";
    EXPECT_TRUE(is_memory(plan_data_partition({d}, true)));
    d.partitions[0] = {.path = "/dev/sda1",
                       .type = k_data_partition_type,
                       .file_system = "",
                       .label = "",
                       .begins_with_zeros = false};
    EXPECT_TRUE(is_memory(plan_data_partition({d}, true)));
}

TEST(PartitionPlan, says_why_it_stays_in_memory) {
    const auto plan = plan_data_partition({empty_disk("/dev/sda", 1000)}, true);
    EXPECT_EQ(std::get<UseMemory>(plan).why, "/dev/sda is smaller than 1 GiB");
    EXPECT_EQ(std::get<UseMemory>(plan_data_partition({}, true)).why, "no disk may be used");
}

}  // namespace
}  // namespace berth::boot
