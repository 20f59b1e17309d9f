// SPDX-License-Identifier: GPL-3.0-or-later
// /var/lib/berth: reads what the disks hold, carries the plan out, mounts.
#pragma once

#include <string>
#include <vector>

#include "base/report.h"
#include "base/result.h"
#include "bootstrap/partition_plan.h"

namespace berth::boot {

/// What libblkid and the bytes themselves say about a disk, or an image file of one. Fills bytes, has_table,
/// has_signature, edges_are_zero and partitions' type (their `path` is made by `partition_path`). Whatever
/// cannot be read counts as content.
DiskFacts probe_disk(const std::string& path);

/// "/dev/sda", 1 -> "/dev/sda1"; "/dev/nvme0n1", 1 -> "/dev/nvme0n1p1".
std::string partition_path(const std::string& disk, int number);

/// Every disk of the machine: probe_disk and the kernel's own facts.
std::vector<DiskFacts> read_disks();

/// Carries out the plan for `disks` and mounts at `target` with state/ and swap/ inside; any failure ends in
/// a tmpfs there. True: on a disk.
Result<bool> prepare_data(const std::vector<DiskFacts>& disks, bool may_create, const std::string& target,
                          Report& report);

}  // namespace berth::boot
