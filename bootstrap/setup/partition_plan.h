// SPDX-License-Identifier: GPL-3.0-or-later
// Where /var/lib/berth shall live, from what the disks hold. Pure; bootstrap/setup/data_partition.h does it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bootstrap/setup/data_mark.h"

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
    uint64_t start = 0, bytes = 0;   ///< On the disk.
    std::optional<DataMark> mark{};  ///< At data_mark_offset, where the partition is of Berth's type.
};

struct DiskFacts {
    std::string path;  ///< "/dev/sda"
    uint64_t bytes = 0;
    bool read_only = false;
    std::string external{};  ///< why_not_internal (bootstrap/setup/internal_disk.h); empty: an internal disk.
    bool in_use = false;     ///< Mounted, or part of another device.
    bool has_table = false;  ///< Any partition table.
    bool has_signature =
        false;  ///< Any file system, RAID, LVM, encryption... that libblkid knows; also when probing failed.
    bool edges_are_zero = false;  ///< First and last MiB.
    /// The mark that says "making", where whole_disk_partition's would be, on a disk without a table that can
    /// be read and with nothing but ours at its edges (bootstrap/setup/data_mark.h): a power cut came while the
    /// table was written.
    std::optional<DataMark> being_made{};
    std::vector<PartitionFacts> partitions;
};

/// What the workstation's record asks for.
struct DataRequest {
    bool may_create = false;  ///< data = "auto", or a request to make it anew.
    std::string remake{};     ///< That request's word (MachineRecord::remake), or empty.
};

/// Mount this one.
struct UsePartition {
    std::string path;
    DataMark mark{};  ///< The partition's; a default one when it has none, being made by hand.
    bool operator==(const UsePartition&) const = default;
};
/// A partition of Berth's type whose file system is to be made, then mounted: a power cut came before, or the
/// record asks for it. `holds_state`: the one that is there may have state of unfinished sessions.
struct FormatPartition {
    std::string path;
    bool holds_state = false;
    std::string lost{};  ///< DataMark::lost of the attempt that was cut.
    bool operator==(const FormatPartition&) const = default;
};
/// Empty disk, or one that was being made when a power cut came: table, partition, file system.
struct CreateOnDisk {
    std::string path;
    std::string lost{};  ///< As above.
    bool operator==(const CreateOnDisk&) const = default;
};
/// A tmpfs; `why` is part of a sentence for the log and the provisioner.
struct UseMemory {
    std::string why;
    bool operator==(const UseMemory&) const = default;
};
using PartitionPlan = std::variant<UsePartition, FormatPartition, CreateOnDisk, UseMemory>;

/// An existing data partition is used, and one being made is finished, whatever the record says; one is begun
/// only when `may_create`, and only on a disk that is empty by every sign. Of several candidates the largest
/// disk wins, then the first by path. Disks that are not internal, read-only or in use are never used, nor is
/// a disk with foreign content. `remake` makes the candidate anew unless its mark says that it was made for
/// this very request; never anything but a partition of Berth's type.
PartitionPlan plan_data_partition(std::vector<DiskFacts> disks, const DataRequest& request);

/// "/dev/sda", 1 -> "/dev/sda1"; "/dev/nvme0n1", 1 -> "/dev/nvme0n1p1".
std::string partition_path(const std::string& disk, int number);

/// sfdisk(8)'s script for CreateOnDisk: one partition of whole_disk_partition.
std::string sfdisk_script(uint64_t disk_bytes);

/// A mark goes to that place of that disk or partition, and is durable.
struct WriteMark {
    std::string path;
    uint64_t offset = 0;
    DataMark mark{};
    bool operator==(const WriteMark&) const = default;
};
/// A program runs to its end and succeeds; what it wrote is durable.
struct RunTool {
    std::vector<std::string> arguments;
    std::string input{};
    bool operator==(const RunTool&) const = default;
};
using MakeStep = std::variant<WriteMark, RunTool>;

/// The steps of a FormatPartition and of a CreateOnDisk, in this order, each only when the one before is
/// done: then a power cut at any moment leaves what plan_data_partition makes again, or uses. `done` is the
/// mark at the end; while it is made the mark has its `lost` already. Both sizes are at least
/// k_min_data_partition.
std::vector<MakeStep> steps_to_format(const std::string& partition, uint64_t bytes, const DataMark& done);
std::vector<MakeStep> steps_to_create(const std::string& disk, uint64_t bytes, const DataMark& done);

}  // namespace berth::boot
