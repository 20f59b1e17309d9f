// SPDX-License-Identifier: GPL-3.0-or-later
// Where users' VMs are, for an administrator: a directory of this host or an NFS server, the same
// operations on both, done as the user whose they are.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "files/local/local_ops.h"
#include "guest/new_vm.h"
#include "guest/user_directory.h"

namespace berth::server {

struct PlaceOptions {
    std::string directory;  ///< Holds a folder for each user; or:
    std::string server;     ///< "server:/path" of the same.
    std::string shared;     ///< The shared tree: a directory here, or "server:/path".
    uint16_t nfs_port = 0, mount_port = 0;
    lock::LockTimes times;
    std::shared_ptr<files::FilesHelper> files;  ///< Speaks to servers for us.
};

/// "server:/path" as an admin types it. P06.
Result<NfsLocation> nfs_location(const std::string& text, uint16_t nfs_port, uint16_t mount_port);

/// "ann/work".
struct VmName {
    std::string user, vm;
    std::string text() const { return user + "/" + vm; }
};
/// M36.
Result<VmName> parse_vm_name(const std::string& text);

/// This host and the user who calls.
Result<lock::LockOwner> this_host();

/// One user's directory, opened as that user.
struct UserPlace {
    std::string user;
    std::string where;  ///< For people: "/srv/users/ann", "fs1:/export/users/ann".
    std::shared_ptr<files::FileOps> ops, shared;
    std::string shared_directory;
    std::unique_ptr<guest::UserDirectory> directory;
    std::shared_ptr<files::FilesHelper> files;
    lock::LockTimes times;
    /// Whose locks and unfinished VMs are this program's.
    std::function<Result<lock::LockOwner>()> owner = this_host;

    /// Until nothing that was sent to its server without an answer can arrive any more (docs/security.md,
    /// assumption 2): before others may use what was written.
    void wait_for_lost_writes(Clock& clock) const;
    files::SharedTree tree() const { return {shared.get(), shared_directory}; }
    /// nullptr: it is not local.
    files::LocalOps* local() const { return dynamic_cast<files::LocalOps*>(ops.get()); }
};

/// Opens users' directories. Tests have them in memory.
class Places {
  public:
    virtual ~Places() = default;
    /// The user's ids as this host knows them. P29, M12.
    virtual Result<NfsCredentials> credentials_of(const std::string& user) = 0;
    /// `make`: a local directory that is not there is made, 0700 and the user's. P29, M-errors.
    virtual Result<UserPlace> open(const PlaceOptions& options, const std::string& user, bool make,
                                   Clock& clock, Report& report) = 0;
    /// The folders of all users, sorted.
    virtual Result<std::vector<std::string>> users(const PlaceOptions& options) = 0;
};

/// Users by getpwnam(3) and getgrouplist(3).
class RealPlaces final : public Places {
  public:
    Result<NfsCredentials> credentials_of(const std::string& user) override;
    Result<UserPlace> open(const PlaceOptions& options, const std::string& user, bool make, Clock& clock,
                           Report& report) override;
    Result<std::vector<std::string>> users(const PlaceOptions& options) override;
};

/// P27 when there is no folder of that name with a machine.toml.
Result<files::FileHandle> find_vm(UserPlace& place, const std::string& vm);

/// The lock of a VM (docs/rules.md "Lock"), held by this process. Keeps itself alive by
/// tick(), which whoever works under it calls every few seconds; K05 when it is not ours any more. Released
/// at the end of its life, and no earlier than `sweep_wait` after a change that was sent and not answered
/// (docs/security.md, assumption 2).
class HeldLock {
  public:
    /// K01 naming who has it; with `may_break` it is taken over after the wait of 90 s, during which
    /// `waiting` is called with the seconds left.
    static Result<HeldLock> take(UserPlace& place, const std::string& vm, bool may_break,
                                 const guest::UserDirectory::Waiting& waiting, Clock& clock);
    HeldLock(HeldLock&& other) noexcept;
    HeldLock& operator=(HeldLock&&) = delete;
    ~HeldLock();
    Status tick();
    Status release();
    /// The VM is gone, and its lock with it.
    void forget() { place_ = nullptr; }

  private:
    HeldLock() = default;
    UserPlace* place_ = nullptr;
    std::string vm_;
    lock::TakenLock taken_;
    lock::LockTimes times_;
    Clock* clock_ = nullptr;
    BootTime renewed_{};
};

}  // namespace berth::server
