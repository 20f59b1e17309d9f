// SPDX-License-Identifier: GPL-3.0-or-later
// How Berth's data partition says whether it was made to the end, so that a power cut while it is made never
// means memory for ever, and a damaged one is never taken for one being made. Pure.
//
// The mark is one sector behind the partition's file system, which ends before it: writing it is atomic, and
// neither mkfs nor fsck touches it. It says "making" from before the partition table is written until the
// file system is on the disk, then "made". A foreign disk has none: the mark is written to an empty disk or
// to a partition of Berth's type only, and counts only at its place in such a partition, or where that
// partition would be while nothing but our own table, perhaps in part, is beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace berth::boot {

inline constexpr uint64_t k_mib = 1 << 20;
inline constexpr size_t k_data_mark_bytes = 512;
inline constexpr uint64_t k_min_data_partition = 64 * k_mib;

struct DataMark {
    bool made = false;  ///< false: being made.
    /// The record's request that it was made for (MachineRecord::remake), or empty: the same request makes it
    /// once.
    std::string remade{};
    /// What that took away, part of a sentence of at most 200 plain characters; empty: nothing.
    std::string lost{};
    bool operator==(const DataMark&) const = default;
};

/// A whole sector. A text of more than 200 bytes is cut, and what is not plain in it is replaced.
std::string format_data_mark(const DataMark& mark);
/// nullopt: not a mark, or damaged.
std::optional<DataMark> parse_data_mark(std::string_view sector);

/// Where the mark is in a partition of so many bytes, and how long its file system may be: a multiple of 1
/// MiB. 0: it is smaller than k_min_data_partition.
uint64_t data_mark_offset(uint64_t partition_bytes);
/// The length of the one partition on a disk of so many bytes; it begins at 1 MiB and leaves the last MiB to
/// the table's copy.
uint64_t whole_disk_partition(uint64_t disk_bytes);

/// Whether the first and the last MiB of a disk hold nothing but what sfdisk writes for whole_disk_partition,
/// or a part of it: a protective MBR, headers, and entries of Berth's type (UEFI 2.10 5.3, with sectors of
/// 512 or 4096 bytes). Zeros are a part of it.
bool holds_only_our_table(std::string_view first_mib, std::string_view last_mib);

}  // namespace berth::boot
