// SPDX-License-Identifier: GPL-3.0-or-later
// Making VMs for users: new ones, imported ones, copies (docs/architecture.md "Making virtual machines"). Each is whole or not there
// (guest/new_vm.h). When there is no room or the image is bad, the work so far is removed and the error
// says so; after any other failure it stays, and the same command continues it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "guest/machine_config.h"
#include "server/vmtools/image_source.h"
#include "server/vmtools/vm_place.h"

namespace berth::server {

/// Said while a file is written; its error ends the work.
using MakeProgress =
    std::function<Status(const std::string& vm, const std::string& file, uint64_t done, uint64_t size)>;

/// One file of the VM's folder: empty of `size`, or an image's content, or a link.
struct DiskToMake {
    std::string path;
    uint64_t size = 0;
    std::optional<ImageSource> image;
    std::string link;
};

/// `origin` names what it is made from; with the same one an earlier attempt is continued.
Status make_vm(UserPlace& place, const std::string& vm, const guest::MachineConfig& config,
               const std::vector<DiskToMake>& disks, const std::string& origin, const MakeProgress& progress,
               Clock& clock);

struct CloneJob {
    UserPlace place;
    std::string vm;
    std::string uuid, mac;  ///< Of the copy.
};
/// Copies the VM `source` (its lock is held through `lock`, if any) for every job. What of it is made durable
/// is synced once for all, before the first of them can be seen. The copies that are whole stay when a later
/// one fails.
Status clone_vms(UserPlace& from, const std::string& source, HeldLock* lock, std::vector<CloneJob>& jobs,
                 const MakeProgress& progress, Clock& clock);

}  // namespace berth::server
