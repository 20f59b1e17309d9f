// SPDX-License-Identifier: GPL-3.0-or-later
// /var/lib/berth: reads what the disks hold, carries the plan out, mounts.
#pragma once

#include <string>
#include <vector>

#include "base/report.h"
#include "base/result.h"
#include "bootstrap/setup/partition_plan.h"

namespace berth::boot {

/// What libblkid and the bytes themselves say about a disk, or an image file of one. Fills bytes, has_table,
/// has_signature, edges_are_zero, being_made and partitions (their `path` is made by `partition_path`).
/// Whatever cannot be read counts as content.
DiskFacts probe_disk(const std::string& path);

/// Every disk of the workstation: the kernel's own facts, and probe_disk of those that are internal; others
/// are not read.
std::vector<DiskFacts> read_disks();

/// One step of making (bootstrap/setup/partition_plan.h), durable when it returns.
Status run_step(const MakeStep& step);

/// debugfs(8)'s "ls -p" of the state folder, as one sentence of which sessions are unfinished there; empty:
/// none. Untrusted text.
std::string unfinished_sessions(std::string_view listing);

/// Where /var/lib/berth is.
struct DataPlace {
    bool persistent = false;
    std::string why{};     ///< Why in memory; of a disk, what making it anew took away. Part of a sentence.
    std::string remade{};  ///< The record's request that the partition was made for, or empty.
};

/// Carries out the plan for `disks` and mounts at `target` with state/ and swap/ inside; any failure ends in
/// a tmpfs there.
Result<DataPlace> prepare_data(const std::vector<DiskFacts>& disks, const DataRequest& request,
                               const std::string& target, Report& report);

}  // namespace berth::boot
