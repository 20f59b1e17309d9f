// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/partition_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace berth::boot {

PartitionPlan plan_data_partition(std::vector<DiskFacts> disks, bool may_create) {
    std::erase_if(disks, [](const DiskFacts& d) { return d.read_only || d.removable || d.in_use; });
    std::ranges::sort(disks, [](const DiskFacts& a, const DiskFacts& b) {
        return std::tuple(b.bytes, a.path) < std::tuple(a.bytes, b.path);
    });
    std::string why = "no disk may be used";
    for (const auto& disk : disks) {
        for (const auto& part : disk.partitions) {
            if (part.type != k_data_partition_type) continue;
            if (part.file_system == "ext4" && part.label == k_data_label) return UsePartition{part.path};
            if (part.file_system.empty() && part.begins_with_zeros) return FormatPartition{part.path};
            why = fmt::format("{} is of Berth's type but holds something else", part.path);
        }
    }
    for (const auto& disk : disks) {
        const bool empty =
            !disk.has_table && !disk.has_signature && disk.edges_are_zero && disk.partitions.empty();
        if (!empty) continue;
        if (disk.bytes < k_min_data_disk) {
            why = fmt::format("{} is smaller than 1 GiB", disk.path);
            continue;
        }
        if (may_create) return CreateOnDisk{disk.path};
        why = fmt::format("{} is empty, but this machine's record does not say data = \"auto\"", disk.path);
        break;
    }
    return UseMemory{why};
}

std::string sfdisk_script() {
    return fmt::format("label: gpt\ntype={}, name=\"{}\"\n", k_data_partition_type, k_data_label);
}

}  // namespace berth::boot
