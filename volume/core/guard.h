// SPDX-License-Identifier: GPL-3.0-or-later
// The engine's keeper of lock and connections. One thread renews the lease and does nothing else; one for
// each file server (the user's, the shared tree's) makes the connections that the I/O thread sends blocks on,
// each only after what it leads to was found to be the same as before. So the I/O thread never waits for
// anything, and no renewal waits for a server that is slow at something else.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/report.h"
#include "files/nfs/nfs_session.h"
#include "files/path_resolver.h"
#include "lock/lease.h"
#include "lock/protocol.h"
#include "volume/api/volume_config.h"
#include "volume/core/rpc_transport.h"
#include "volume/core/served_file.h"

namespace berth::volume {

/// A connection for blocks: to the user's server or to the shared tree's.
struct BlockConnection {
    bool shared = false;
    std::unique_ptr<files::RpcConnection> connection;
    files::TransferLimits limits;
};

class Guard {
  public:
    /// Called on the thread that made it.
    using Deliver = std::function<void(BlockConnection)>;

    Guard(const VolumeConfig& config, lock::Lease& lease, Clock& clock, Report& report,
          const files::LookUp& look_up = files::system_look_up);
    ~Guard();

    /// Mounts, finds the disks and makes one good renewal; on the caller's thread, before start(). M-, C-, K-
    /// and V-errors.
    Status open();
    const std::vector<ServedFile>& files() const { return files_; }

    /// `changed`: the lease, claimant() or silent_since() is another; on the thread that renews, holding
    /// nothing.
    void start(Deliver deliver, std::function<void()> changed = {});
    /// The I/O thread: a connection for blocks is wanted (again). Never blocks.
    void want_connection(bool shared);
    /// Ends the threads, interrupting what they wait for. The lease is renewed no more.
    void stop();

    /// Who claimed our lock, once the lease says that it is claimed; without a name if that cannot be read.
    std::optional<lock::LockOwner> claimant() const;

    /// Since when the lock's own connection has had no good answer; nullopt: all is well.
    std::optional<BootTime> silent_since() const;

  private:
    // Each on its thread.
    void renew_lease();
    void make_connections(bool shared);

    /// false: the end.
    bool wait(Duration most);
    bool stopping() const;
    Result<std::unique_ptr<files::NfsSession>> mount(bool shared, Duration timeout);
    Result<std::vector<ServedFile>> find_files(files::NfsSession& user, files::NfsSession* shared);
    Status connect(bool shared);
    /// `session`, which was seen to lead to the disks, becomes a connection for blocks.
    Status deliver(bool shared, files::NfsSession& session);
    Result<lock::Renewal> renew();
    /// Runs calls on the lock's connection and tells the lease when that may still carry a WRITE of them.
    template <typename F>
    auto on_lock(F&& calls) -> decltype(calls());
    void keep_lock_alive();
    void tell() const {
        if (changed_) changed_();
    }
    void lost_on_lock();
    void renewal_failed(const Result<lock::Renewal>& renewed);
    void claimed(const Error& error);

    const VolumeConfig& config_;
    lock::Lease& lease_;
    Clock& clock_;
    Report& report_;
    UniqueFd interrupt_;

    // Made by open(), then only read.
    files::ServerAddresses addresses_[2];  // the user's server, the shared tree's; any thread
    files::FileHandle user_root_, shared_root_, vm_directory_;
    std::vector<ServedFile> files_;
    Deliver deliver_;
    std::function<void()> changed_;

    // The renewing thread's.
    std::unique_ptr<files::NfsSession> session_;
    std::optional<lock::LockProtocol> lock_;
    BootTime next_renewal_, last_call_;
    bool failing_ = false;

    /// On which open() found the disks; for the first connect() of that thread.
    std::unique_ptr<files::NfsSession> opened_[2];

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    bool wanted_[2] = {false, false};
    std::optional<BootTime> silent_since_;
    std::optional<lock::LockOwner> claimant_;
    std::vector<std::thread> threads_;
};

}  // namespace berth::volume
