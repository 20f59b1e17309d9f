// SPDX-License-Identifier: GPL-3.0-or-later
// What the block engine decides (docs/rules.md "The volume engine"): which disk sends on which line, when a
// line is kept alive, reset or given up, whether losing one suspends the lease, and the state that people
// are told. It has no thread, no socket and no time of its own: whoever drives it calls step() after anything
// happened (a request, a call answered, a line made or broken, another lease, a lock that answers or falls
// silent) and at the time that step() returned. One thread at a time, except where said.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "lock/lease.h"
#include "volume/api/control_messages.h"
#include "volume/api/volume_config.h"
#include "volume/core/line.h"
#include "volume/core/nfs_disk.h"
#include "volume/core/served_file.h"
#include "volume/core/volume.h"
#include "volume/core/write_memory.h"

namespace berth::volume {

class EngineCore {
  public:
    struct Seams {
        /// A line to the user's server or to the shared tree's is wanted; it comes with line_up(). Called
        /// once for each, on the thread of step(); must not call the core.
        std::function<void(bool shared)> want_line;
        /// Since when the lock's own connection has had no good answer; nullopt: all is well.
        std::function<std::optional<BootTime>()> lock_silent_since;
    };
    /// Lines to each server. Several would have to lead to one address of it, so that a verifier has one
    /// meaning, and nothing sees to that (docs/decisions/0019).
    static constexpr size_t k_lines = 1;

    /// What is referred to outlives the core.
    EngineCore(const VolumeConfig& config, lock::Lease& lease, Clock& clock, Report& report, Seams seams,
               size_t lines = k_lines);
    ~EngineCore();

    /// Before the first step(): a disk on a file server, or one behind something else.
    void add_served(const ServedFile& file);
    void add(size_t index, std::unique_ptr<Volume> volume);

    /// Only of disks that were added. step() follows.
    void submit(size_t disk, std::shared_ptr<BlockRequest> request);
    void line_up(bool shared, std::unique_ptr<Line> line);
    /// Does all that is due; when to be called again if nothing happens. Throws what a callback threw: then
    /// nobody knows what was done, and all that is left is Lease::lose_for_good() and abandon().
    BootTime step();

    VolumeState state() const { return state_; }
    /// Since when the state is `silent`; nullopt: it is another.
    std::optional<BootTime> silent_since() const;
    /// When a line was last lost with a WRITE unanswered. Any thread; known before any request that ends
    /// later is done.
    std::optional<BootTime> write_lost() const;
    /// Somebody waits for the end: the state says so, unless what it waits for says more.
    void stopping(bool stopping) { stopping_ = stopping; }
    /// The end: every request fails with ESHUTDOWN, now and later, and the lines are reset.
    void abandon();

    const Volume& disk(size_t index) const { return *disks_[index].volume; }
    /// For whoever waits for what happens on them.
    template <typename F>
    void each_line(F&& f) {
        for (auto& server : servers_)
            for (auto& line : server.lines) f(*line);
    }

  private:
    struct Disk {
        std::unique_ptr<Volume> volume;
        NfsDisk* served = nullptr;  // the volume, if it is on a server
        bool shared = false;
    };
    struct Server {
        bool used = false;
        std::vector<std::unique_ptr<Line>> lines;
        size_t wanted = 0;  // asked for, and not come
        BootTime lost_at;   // since then there is no line, if there is none
    };

    void look_after_lines();
    void drop(Server& server, size_t index);
    bool any_broken() const;
    BootTime step_disks();
    void ask_for_lines();
    std::optional<BootTime> unanswered_since() const;
    bool connected() const;
    void update_state();
    VolumeState next_state(std::optional<BootTime> since) const;
    BootTime next_step(BootTime disks) const;

    const VolumeConfig& config_;
    lock::Lease& lease_;
    Clock& clock_;
    Report& report_;
    const Seams seams_;
    const size_t lines_wanted_;
    WriteMemory memory_;
    std::vector<Disk> disks_;
    Server servers_[2];  // the user's, the shared tree's
    VolumeState state_ = VolumeState::starting;
    std::optional<BootTime> unanswered_since_;
    std::atomic<Duration::rep> write_lost_{-1};  // since boot; -1: never
    bool stopping_ = false, abandoned_ = false;
};

}  // namespace berth::volume
