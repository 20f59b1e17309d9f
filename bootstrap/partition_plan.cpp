// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/partition_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace berth::boot {

namespace {

/// Why a disk is never used, whatever it holds; empty: it may be.
std::string why_never(const DiskFacts& disk) {
    return !disk.external.empty() ? disk.external
           : disk.read_only       ? "read-only"
           : disk.in_use          ? "in use"
                                  : "";
}

}  // namespace

PartitionPlan plan_data_partition(std::vector<DiskFacts> disks, bool may_create) {
    std::string why;
    for (const auto& disk : disks)
        if (const auto never = why_never(disk); !never.empty())
            why += fmt::format("{} {} is {}", why.empty() ? ":" : ",", disk.path, never);
    why = "no disk may be used" + why;
    std::erase_if(disks, [](const DiskFacts& d) { return !why_never(d).empty(); });
    std::ranges::sort(disks, [](const DiskFacts& a, const DiskFacts& b) {
        return std::tuple(b.bytes, a.path) < std::tuple(a.bytes, b.path);
    });
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
