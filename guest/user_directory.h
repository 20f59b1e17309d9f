// SPDX-License-Identifier: GPL-3.0-or-later
// A user's directory on the file server, as the session's steps use it: list, check, read, lock. Raw NFSv3
// calls, which a berth-files makes (files/helper/files_helper.h). One thread. Every call is bounded by
// `call_timeout`, and what is made of calls by finish_by(); a silent server is M-error naming server and
// seconds, an interrupt L05. A VM's folder is looked up by check_writable and by lock; between and after them
// its handle is used, and looked up anew when it is stale (docs/decisions/0012).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/nfs_types.h"
#include "base/report.h"
#include "base/result.h"
#include "files/file_ops.h"
#include "files/interrupt.h"
#include "lock/protocol.h"
#include "lock/record.h"

namespace berth::files {
class FilesHelper;
}

namespace berth::guest {

/// What FSINFO, FSSTAT, ACCESS and a real create-write-remove say about the directory.
struct SpaceLeft {
    uint64_t bytes = 0;
    uint64_t files = 0;
};

struct FileFacts {
    uint64_t size = 0;
    uint64_t fileid = 0;
    bool regular = false;
    bool readable = false;  ///< By ACCESS as this user.
    bool writable = false;
};

class UserDirectory {
  public:
    virtual ~UserDirectory() = default;

    /// Nothing below waits past it (M04), in whatever call it is; nullopt: each call for as long as it may.
    virtual void finish_by(std::optional<BootTime> /*deadline*/) {}

    /// The servers behind it: the user's, and the shared tree's if there is one. What a server says about its
    /// ports is the server's word.
    virtual std::vector<MountedServer> servers() const { return {}; }

    /// Folders that hold a machine.toml, sorted by name. Symbolic links are not followed.
    virtual Result<std::vector<std::string>> list_vms() = 0;

    /// Really creates, writes and removes a private file in the VM's directory as the user: a read-only
    /// export (M03), no permission, no space, quota are each their own error.
    virtual Status check_writable(const std::string& vm) = 0;
    virtual Result<SpaceLeft> space_left() = 0;

    /// Facts of `path` relative to the VM's directory. Resolves symbolic links itself: only inside the VM's
    /// directory or, for an absolute link, into the shared tree; anything else is C-error. `path` may not
    /// contain "..".
    virtual Result<FileFacts> facts(const std::string& vm, const std::string& path) = 0;

    /// A whole file of the VM's directory, at most `limit` bytes, same path rules; READ on the handle that
    /// was checked.
    virtual Result<std::string> read(const std::string& vm, const std::string& path, size_t limit) = 0;
    /// Exactly `length` bytes from `offset` (swap templates, larger than memory); a file that ends before is
    /// M11. Same path rules.
    virtual Result<std::string> read_at(const std::string& vm, const std::string& path, uint64_t offset,
                                        size_t length) = 0;
    /// Replaces a small file of the VM's directory (private file, WRITE FILE_SYNC, RENAME). `may_rename` is
    /// asked immediately before the RENAME; its error is returned, and nothing was replaced. M04: whether it
    /// was, or still will be, is unknown.
    using MayRename = std::function<Status()>;
    virtual Status replace(const std::string& vm, const std::string& path, std::string_view data,
                           const MayRename& may_rename) = 0;

    /// The highest lock, if there is one, without taking anything.
    virtual Result<std::optional<lock::LockHolder>> holder(const std::string& vm) = 0;

    /// The highest lock below `epoch`: whom our claim waits for. May be asked from within `waiting`.
    virtual Result<std::optional<lock::LockHolder>> holder_below(const std::string& vm, uint64_t epoch) = 0;

    /// Takes the lock (docs/rules.md "Lock", "Taking over"). When there is a lower lock and `may_break` is false:
    /// K-error naming its host and time, nothing written. When it is true: LINKs above, then waits until the
    /// lower locks are gone or the take-over time passed, calling `waiting` about every second with the
    /// seconds left; `waiting` returning false ends the wait (the claim is left, K-error). Before the LINK `intent` is
    /// called with epoch and nonce, so that the caller can write them down durably first; its error aborts.
    /// Returns after one good renewal.
    using Intent = lock::LockIntent;
    using Waiting = lock::LockWaiting;
    virtual Result<lock::TakenLock> lock(const std::string& vm, const lock::LockOwner& owner, bool may_break,
                                         const Intent& intent, const Waiting& waiting) = 0;

    /// Renames lock.<epoch> to last-used.<epoch> if it holds `nonce`, and removes lower last-used.*; the identity of
    /// `disks` (recorded_disks() of vm_check.h; none: not known) is written into it. Idempotent: a lock that is
    /// already last-used, or that another took over, is success (the latter reported).
    virtual Status release(const std::string& vm, uint64_t epoch, const std::string& nonce,
                           const std::vector<lock::ConfiguredDisk>& disks) = 0;

    /// One renewal (docs/rules.md "Lease"), for whoever holds the lock without a volume engine.
    virtual Result<lock::Renewal> renew(const std::string& vm, uint64_t epoch, const std::string& nonce) = 0;
};

struct MountOptions {
    NfsLocation location;
    std::optional<NfsLocation> shared;
    NfsCredentials credentials;
    Duration call_timeout = std::chrono::seconds(15);
    lock::LockTimes times;
    /// Ends what waits for the server.
    files::Interrupt interrupt = {};
};

/// Mounts through `files`. M-errors: name not found, refused, silent, no such export, permission.
Result<std::unique_ptr<UserDirectory>> mount_user_directory(const MountOptions& options,
                                                            files::FilesHelper& files, Clock& clock,
                                                            Report& report);

/// The same over operations that exist already; `shared` is null or the shared tree, whose links begin with
/// `shared_directory`. `servers` is what servers() says.
std::unique_ptr<UserDirectory> user_directory_on(std::shared_ptr<files::FileOps> user,
                                                 std::shared_ptr<files::FileOps> shared,
                                                 std::string shared_directory, lock::LockTimes times,
                                                 Clock& clock, Report& report,
                                                 std::vector<MountedServer> servers = {});

}  // namespace berth::guest
