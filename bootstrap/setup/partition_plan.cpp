// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/setup/partition_plan.h"

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

/// Whether the disk is as steps_to_create leaves its table: then that may be written again, for the kernel
/// does not show a partition whose first table was cut.
bool is_only_ours(const DiskFacts& disk) {
    return disk.partitions.size() == 1 && disk.partitions.front().start == k_mib &&
           disk.partitions.front().bytes == whole_disk_partition(disk.bytes);
}

/// What to do with a partition of Berth's type; nullopt: nothing, and `why` says why.
std::optional<PartitionPlan> plan_partition(const DiskFacts& disk, const PartitionFacts& part,
                                            const DataRequest& request, std::string& why) {
    const bool small = part.bytes < k_min_data_partition;
    if (part.mark && !part.mark->made)
        return is_only_ours(disk)
                   ? PartitionPlan(CreateOnDisk{.path = disk.path, .lost = part.mark->lost})
                   : PartitionPlan(FormatPartition{.path = part.path, .lost = part.mark->lost});
    const bool blank = part.file_system.empty() && part.begins_with_zeros;
    if (!request.remake.empty() && !small && (!part.mark || part.mark->remade != request.remake))
        return FormatPartition{.path = part.path, .holds_state = !blank};
    if (part.file_system == "ext4" && part.label == k_data_label)
        return UsePartition{.path = part.path, .mark = part.mark.value_or(DataMark{})};
    if (blank && !part.mark && !small) return FormatPartition{.path = part.path};
    why = small && (blank || !request.remake.empty()) ? fmt::format("{} is smaller than 64 MiB", part.path)
          : part.mark                                 ? fmt::format("{} has lost its file system", part.path)
                      : fmt::format("{} is of Berth's type but holds something else", part.path);
    return std::nullopt;
}

}  // namespace

PartitionPlan plan_data_partition(std::vector<DiskFacts> disks, const DataRequest& request) {
    std::string why;
    for (const auto& disk : disks)
        if (const auto never = why_never(disk); !never.empty())
            why += fmt::format("{} {} is {}", why.empty() ? ":" : ",", disk.path, never);
    why = "no disk may be used" + why;
    std::erase_if(disks, [](const DiskFacts& d) { return !why_never(d).empty(); });
    std::ranges::sort(disks, [](const DiskFacts& a, const DiskFacts& b) {
        return std::tuple(b.bytes, a.path) < std::tuple(a.bytes, b.path);
    });
    for (const auto& disk : disks)
        for (const auto& part : disk.partitions)
            if (part.type == k_data_partition_type)
                if (auto plan = plan_partition(disk, part, request, why)) return *plan;
    for (const auto& disk : disks) {
        const bool empty = disk.edges_are_zero && !disk.has_table;
        if (disk.has_signature || !disk.partitions.empty() || (!empty && !disk.being_made)) continue;
        if (disk.bytes < k_min_data_disk) {
            why = fmt::format("{} is smaller than 1 GiB", disk.path);
            continue;
        }
        if (request.may_create)
            return CreateOnDisk{.path = disk.path, .lost = disk.being_made.value_or(DataMark{}).lost};
        why =
            fmt::format("{} is empty, but this workstation's record does not say data = \"auto\"", disk.path);
        break;
    }
    return UseMemory{why};
}

std::string partition_path(const std::string& disk, int number) {
    const bool digit = !disk.empty() && disk.back() >= '0' && disk.back() <= '9';
    return fmt::format("{}{}{}", disk, digit ? "p" : "", number);
}

std::string sfdisk_script(uint64_t disk_bytes) {
    return fmt::format("label: gpt\nstart=1MiB, size={}MiB, type={}, name=\"{}\"\n",
                       whole_disk_partition(disk_bytes) / k_mib, k_data_partition_type, k_data_label);
}

std::vector<MakeStep> steps_to_format(const std::string& partition, uint64_t bytes, const DataMark& done) {
    const uint64_t end = data_mark_offset(bytes);
    DataMark making = done;
    making.made = false;
    making.remade.clear();
    return {WriteMark{partition, end, making},
            RunTool{{"mkfs.ext4", "-q", "-F", "-L", k_data_label, "-m", "0", partition,
                     fmt::format("{}k", end / 1024)}},
            WriteMark{partition, end, done}};
}

std::vector<MakeStep> steps_to_create(const std::string& disk, uint64_t bytes, const DataMark& done) {
    const uint64_t length = whole_disk_partition(bytes);
    DataMark making = done;
    making.made = false;
    making.remade.clear();
    // Before the table: a cut one is known by it.
    std::vector<MakeStep> steps{WriteMark{disk, k_mib + data_mark_offset(length), making},
                                RunTool{{"sfdisk", "--quiet", "--wipe", "never", disk}, sfdisk_script(bytes)},
                                RunTool{{"udevadm", "settle", "--timeout=20"}}};
    for (auto& step : steps_to_format(partition_path(disk, 1), length, done))
        steps.push_back(std::move(step));
    return steps;
}

}  // namespace berth::boot
