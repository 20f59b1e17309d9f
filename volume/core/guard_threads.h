// SPDX-License-Identifier: GPL-3.0-or-later
// The threads of a Guard over real servers: "berth-guard" renews the lease and does nothing else,
// "berth-lines" and "berth-shared" make the lines to the two servers. So whoever moves blocks never waits for
// that, and no renewal waits for a server that is slow at something else.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "files/nfs/server_addresses.h"
#include "volume/core/guard.h"
#include "volume/core/nfs_connector.h"

namespace berth::volume {

class GuardThreads {
  public:
    GuardThreads(const VolumeConfig& config, lock::Lease& lease, Clock& clock, Report& report,
                 const files::LookUp& look_up = files::system_look_up);
    ~GuardThreads();

    /// On the caller's thread, before start().
    Status open() { return guard_.open(); }
    const std::vector<ServedFile>& files() const { return guard_.files(); }

    /// Both are called on these threads, holding nothing: a line was made; the lease, claimant() or
    /// silent_since() is another.
    void start(Guard::Deliver deliver, std::function<void()> changed = {});
    /// Any thread; never blocks.
    void want_line(bool shared);
    /// Ends the threads, interrupting what they wait for. The lease is renewed no more.
    void stop();

    std::optional<lock::LockOwner> claimant() const { return guard_.claimant(); }
    std::optional<BootTime> silent_since() const { return guard_.silent_since(); }

  private:
    /// Calls `turn` at the times that it returns, and when `called` becomes true, until the end.
    void take_turns(const char* name, bool& called, const std::function<BootTime()>& turn);

    Clock& clock_;
    const bool with_shared_;
    NfsConnector connector_;
    Guard::Deliver deliver_;
    Guard guard_;

    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    bool called_[3] = {false, false, false};  // the two makers of lines; the keeper never is
    std::vector<std::thread> threads_;
};

}  // namespace berth::volume
