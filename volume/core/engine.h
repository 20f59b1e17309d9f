// SPDX-License-Identifier: GPL-3.0-or-later
// The block engine (docs/rules.md "The volume engine"): the disks of one VM, under its lock, until stop(). It is
// the shell of EngineCore, which decides, and of Guard, which keeps the lock and makes the lines (guard_threads.h): threads, poll(2)
// and a mutex. Four threads of its own at most: "berth-io" moves blocks, "berth-guard" renews the lease,
// "berth-lines" and "berth-shared" make the lines; requests come from any other thread and block there;
// those for a local disk are done there.
#pragma once

#include <poll.h>

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/report.h"
#include "base/result.h"
#include "lock/lease.h"
#include "volume/api/control_messages.h"
#include "volume/api/volume_config.h"
#include "volume/core/engine_core.h"
#include "volume/core/guard_threads.h"
#include "volume/core/local_disk.h"

namespace berth::volume {

class Engine {
  public:
    /// Mounts, opens every disk, makes one good renewal and starts the threads. M-, C-, K- and V-errors.
    static Result<std::unique_ptr<Engine>> start(VolumeConfig config, Clock& clock, Report& report);
    ~Engine();

    /// Index of the disk of that name.
    std::optional<size_t> find(std::string_view name) const;
    size_t disks() const { return config_.disks.size(); }
    const VolumeDisk& disk(size_t index) const { return config_.disks[index]; }
    uint64_t size(size_t index) const { return core_.disk(index).size(); }

    /// 0 or an errno. Any thread; blocks at most for request_timeout.
    int read(size_t index, char* buffer, uint32_t count, uint64_t offset);
    int write(size_t index, const char* data, uint32_t count, uint64_t offset, bool fua);
    int flush(size_t index);

    /// What the disk can beside that.
    Volume::Abilities abilities(size_t index) const { return core_.disk(index).abilities(); }
    /// A request of any kind, like those above; its `done` is taken.
    int perform(size_t index, const std::shared_ptr<BlockRequest>& request);

    VolumeStatus status() const;
    /// `changed` is called on the I/O thread whenever the state is another one. One listener.
    void on_change(std::function<void()> changed);

    /// Flushes every disk, all at once; blocks at most for request_timeout. The state is `stopping` then,
    /// unless what it waits for says more (`silent`, `claimed`). V04 naming the disks that could not be: call
    /// it again, nothing was ended.
    Result<Drained> flush_all();
    /// The state becomes `stopping`; the lease is renewed no more. After flush_all().
    void end();

  private:
    Engine(VolumeConfig config, Clock& clock, Report& report);
    Status open();
    std::future<int> submit(size_t index, const std::shared_ptr<BlockRequest>& request);
    int wait_for(size_t index, const std::shared_ptr<BlockRequest>& request);
    void wake();

    // The I/O thread's.
    void run();
    void serve();
    void take_news();
    void publish();
    void wait_until(BootTime wake);

    VolumeConfig config_;
    Clock& clock_;
    Report& report_;
    lock::Lease lease_;
    GuardThreads guard_;
    EngineCore core_;                 // the I/O thread's once it runs
    std::vector<LocalDisk*> locals_;  // by the disk's index; nullptr: it is on a server
    UniqueFd wake_, timer_;
    BootTime armed_ = k_never;  // when the timer is readable
    std::vector<pollfd> polled_;

    mutable std::mutex mutex_;
    std::vector<std::pair<size_t, std::shared_ptr<BlockRequest>>> submitted_;
    std::vector<std::pair<bool, std::unique_ptr<Line>>> delivered_;
    VolumeState state_ = VolumeState::starting;
    std::optional<BootTime> silent_since_;
    std::function<void()> changed_;
    bool stopping_ = false, ended_ = false;
    std::thread io_;
};

}  // namespace berth::volume
