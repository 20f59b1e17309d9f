// SPDX-License-Identifier: GPL-3.0-or-later
// The block engine (docs/rules.md "The volume engine"): the disks of one VM, under its lock, until end(). It is
// the shell of EngineCore, which decides, of CoreDriver, whose threads serve it, and of Guard, which keeps the lock
// and makes the lines (guard_threads.h). Four threads of its own at most: "berth-io" serves the lines when nobody
// waits for a request, "berth-guard" renews the lease, "berth-lines" and "berth-shared" make the lines. Requests come
// from any other thread, block there, and serve the lines meanwhile; those for a local disk are done there.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "base/result.h"
#include "lock/lease.h"
#include "volume/api/control_messages.h"
#include "volume/api/volume_config.h"
#include "volume/core/core_driver.h"
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
    /// `changed` is called on "berth-io" whenever the state is another one. One listener.
    void on_change(std::function<void()> changed) { driver_.on_change(std::move(changed)); }

    /// Flushes every disk, all at once; blocks at most for request_timeout. The state is `stopping` then,
    /// unless what it waits for says more (`silent`, `claimed`). V04 naming the disks that could not be: call
    /// it again, nothing was ended.
    Result<Drained> flush_all();
    /// The lease is renewed no more, every request fails with ESHUTDOWN, and the state stays as it is. After flush_all().
    void end();

  private:
    Engine(VolumeConfig config, Clock& clock, Report& report);
    Status open();
    int run(size_t index, const std::shared_ptr<BlockRequest>& request);

    VolumeConfig config_;
    Clock& clock_;
    Report& report_;
    lock::Lease lease_;
    GuardThreads guard_;
    EngineCore core_;  // the driver's once it has started
    CoreDriver driver_;
    std::vector<LocalDisk*> locals_;  // by the disk's index; nullptr: it is on a server
};

}  // namespace berth::volume
