// SPDX-License-Identifier: GPL-3.0-or-later
// Where /var/lib/berth shall live, from what the disks hold. Pure; bootstrap/data_partition.h does it.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace berth::boot {

/// Berth's GPT partition type for data (UEFI 2.10 5.3.3: types are plain GUIDs that their owner draws at
/// random). It says: this partition holds Berth's ext4 file system with state/, swap/ and, later, caches and
/// replicas. Never changed.
inline constexpr const char* k_data_partition_type = "1258d672-5901-4857-8d4d-bcb94059fbc2";
inline constexpr const char* k_data_label = "berth-data";
inline constexpr uint64_t k_min_data_disk = 1ULL << 30;

struct PartitionFacts {
    std::string path;  ///< "/dev/sda1"
    std::string type;  ///< GPT type GUID, lower case; something else in other tables.
    std::string
        file_system;  ///< libblkid's TYPE ("ext4"); empty: nothing known in it; "?": it could not be told.
    std::string label;
    bool begins_with_zeros = false;  ///< Its first MiB.
};

struct DiskFacts {
    std::string path;  ///< "/dev/sda"
    uint64_t bytes = 0;
    bool read_only = false;
    std::string external{};  ///< why_not_internal (bootstrap/internal_disk.h); empty: an internal disk.
    bool in_use = false;     ///< Mounted, or part of another device.
    bool has_table = false;  ///< Any partition table.
    bool has_signature =
        false;  ///< Any file system, RAID, LVM, encryption... that libblkid knows; also when probing failed.
    bool edges_are_zero = false;  ///< First and last MiB.
    std::vector<PartitionFacts> partitions;
};

/// Mount this one.
struct UsePartition {
    std::string path;
    bool operator==(const UsePartition&) const = default;
};
/// Ours by type, but a power cut came before its file system was made: make it, then mount.
struct FormatPartition {
    std::string path;
    bool operator==(const FormatPartition&) const = default;
};
/// Empty disk: table, partition, file system.
struct CreateOnDisk {
    std::string path;
    bool operator==(const CreateOnDisk&) const = default;
};
/// A tmpfs; `why` is part of a sentence for the log.
struct UseMemory {
    std::string why;
    bool operator==(const UseMemory&) const = default;
};
using PartitionPlan = std::variant<UsePartition, FormatPartition, CreateOnDisk, UseMemory>;

/// An existing data partition is used whatever the record says; one is made only when `may_create` (data =
/// "auto") and only on a disk that is empty by every sign. Of several candidates the largest disk wins, then
/// the first by path. Disks that are not internal, read-only or in use are never used, nor is a disk with
/// foreign content.
PartitionPlan plan_data_partition(std::vector<DiskFacts> disks, bool may_create);

/// sfdisk(8)'s script for CreateOnDisk: one partition over the whole disk.
std::string sfdisk_script();

}  // namespace berth::boot
