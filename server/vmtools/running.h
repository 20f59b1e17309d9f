// SPDX-License-Identifier: GPL-3.0-or-later
// Which client runs which VM, and since when: from what the clients post, or from the lock
// files themselves. Nothing is written.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/nfs_types.h"
#include "base/result.h"
#include "files/file_ops.h"
#include "files/helper/files_helper.h"
#include "lock/names.h"
#include "server/model/machine.h"

namespace berth::server {

using WallTime = std::chrono::system_clock::time_point;

struct RunningVm {
    std::string user, vm, host, client, since;
    int64_t last_sign = 0;  ///< Seconds since the client's last post or the lock's last renewal.
    /// running; closing (asked for by another); waiting (claimed, there is a lower lock); checked-out (to a
    /// laptop); silent (no sign of life for longer than a lease holds, or three posts); unreadable (a damaged
    /// lock).
    std::string state;
};

/// What was found, and what could not be looked at.
struct RunningList {
    std::vector<RunningVm> vms;  ///< By user, VM, and lock number.
    std::vector<Error> errors;
};

/// Machines whose last post named a session. Pure.
RunningList running_by_posts(const std::vector<Machine>& machines, WallTime now);

/// One file of a VM's directory.
struct LockFile {
    std::string text;
    int64_t mtime_ns = 0;
};
/// The locks of one VM; `read` gives a file, M09 for one that has just gone. Pure but for it.
std::vector<RunningVm> standing_locks(const std::string& user, const std::string& vm,
                                      const lock::LockNames& names,
                                      const std::function<Result<LockFile>(const std::string&)>& read,
                                      WallTime now);

/// The VMs of one user's directory.
RunningList running_of_user(files::FileOps& ops, const files::FileHandle& directory, const std::string& user,
                            WallTime now);
/// All users' directories below `location`, each looked at as its owner, as an export may hide it from root.
Result<RunningList> running_on_server(const NfsLocation& location, files::FilesHelper& files, WallTime now);
/// The same for a folder of this host. Symbolic links are not followed.
Result<RunningList> running_in_folder(const std::string& folder, WallTime now);

std::vector<std::vector<std::string>> running_rows(const RunningList& list);  ///< Head first.
nlohmann::json running_json(const RunningList& list);

}  // namespace berth::server
