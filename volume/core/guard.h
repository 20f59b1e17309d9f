// SPDX-License-Identifier: GPL-3.0-or-later
// The engine's keeper of lock and lines, step by step: step() renews the lease, step_lines() makes the
// lines that blocks are sent on, each only after what it leads to was found to be the same as before. It has no
// thread; all that waits is a session's call. step() and the two step_lines() may run on three threads, each on
// its own (guard_threads.h); the rest is called as is said there.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "lock/lease.h"
#include "lock/protocol.h"
#include "volume/api/volume_config.h"
#include "volume/core/connector.h"
#include "volume/core/served_file.h"

namespace berth::volume {

class Guard {
  public:
    /// A line to the user's server or to the shared tree's; on the thread of step_lines().
    using Deliver = std::function<void(bool shared, std::unique_ptr<Line>)>;

    /// What is referred to outlives it.
    Guard(const VolumeConfig& config, lock::Lease& lease, Clock& clock, Report& report, Connector& connector,
          Deliver deliver);

    /// Mounts, finds the disks, settles what an earlier owner left on them and makes one good renewal; before
    /// everything else. M-, C-, K- and V-errors.
    Status open();
    const std::vector<ServedFile>& files() const { return files_; }
    /// Called when the lease, claimant() or silent_since() is another; on the thread of step(), with no lock
    /// held. Before the first step().
    void on_change(std::function<void()> changed) { changed_ = std::move(changed); }

    /// One turn of the keeper of the lease: at most one renewal. When it is to be called next; k_never: the
    /// lock is lost, there is nothing to keep.
    BootTime step();
    /// One turn of the maker of lines: at most one line. When it is to be called next; k_never: when one is
    /// wanted. It may be called earlier.
    BootTime step_lines(bool shared);

    /// One line more is wanted. Any thread; never blocks.
    void want_line(bool shared);

    /// Who claimed our lock, once the lease says that it is claimed; without a name if that cannot be read.
    /// Any thread.
    std::optional<lock::LockOwner> claimant() const;
    /// Since when the lock's own connection has had no good answer; nullopt: all is well. Any thread.
    std::optional<BootTime> silent_since() const;

  private:
    Result<std::vector<ServedFile>> find_files(Session& user, Session* shared);
    Status settle_files(Session& user);
    Status connect(bool shared);
    /// `session`, which was seen to lead to the disks, becomes a line.
    Status deliver(bool shared, Session& session);
    Result<lock::Renewal> renew();
    /// Runs calls on the lock's connection and tells the lease when that may still carry a WRITE of them.
    template <typename F>
    auto on_lock(F&& calls) -> decltype(calls());
    void lost_on_lock();
    void keep_lock_alive();
    void renewal_failed(const Result<lock::Renewal>& renewed);
    void claimed(const Error& error);
    void tell() const {
        if (changed_) changed_();
    }

    const VolumeConfig& config_;
    lock::Lease& lease_;
    Clock& clock_;
    Report& report_;
    Connector& connector_;
    const Deliver deliver_;
    std::function<void()> changed_;

    // Made by open(), then only read.
    files::FileHandle user_root_, shared_root_, vm_directory_;
    std::vector<ServedFile> files_;

    // step()'s.
    std::unique_ptr<Session> session_;
    std::optional<lock::LockProtocol> lock_;
    BootTime next_renewal_, last_call_;
    bool failing_ = false;

    // step_lines()'s.
    std::unique_ptr<Session> opened_[2];  // on which open() found the disks; for the first line
    BootTime next_line_[2];

    mutable std::mutex mutex_;
    unsigned wanted_[2] = {0, 0};
    std::optional<BootTime> silent_since_;
    std::optional<lock::LockOwner> claimant_;
};

}  // namespace berth::volume
