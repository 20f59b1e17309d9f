// SPDX-License-Identifier: GPL-3.0-or-later
// Whose thread drives the core and serves its lines: the one that waits for it. A request is submitted and sent by the
// thread that has it; then one of the threads that wait, the leader, polls the sockets and the timer for all of them,
// calls each whose request is done, and gives the lead to another when its own is. So a request alone wakes nobody
// (but "berth-io", where there was none for some milliseconds), and many wake one thread each.
//
// When nobody waits, "berth-io" has the lead: a few milliseconds after the last request, so that it is not woken between
// two of them. It also tells of a changed state. Everything else happens on whatever thread has the mutex.
//
// What a callback throws, `changed` among them, ends all (but that of a call that is lost with its line, which is told in the journal): nobody can tell what was done and what was not. Then nothing is sent any more, every
// request fails, and the state is `lost`.
#pragma once

#include <poll.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "lock/lease.h"
#include "volume/api/control_messages.h"
#include "volume/core/engine_core.h"
#include "volume/core/line.h"
#include "volume/core/volume.h"

namespace berth::volume {

class CoreDriver {
  public:
    using Requests = std::vector<std::pair<size_t, std::shared_ptr<BlockRequest>>>;  ///< Each with its disk.

    /// The core has its disks before start(), and its lines are RpcTransports. What is referred to outlives the
    /// driver.
    CoreDriver(EngineCore& core, lock::Lease& lease, Clock& clock);
    ~CoreDriver();

    void start();

    // Any thread.
    /// Submits the request and waits until it is done: 0 or an errno. `done` is the driver's.
    int run(size_t disk, const std::shared_ptr<BlockRequest>& request);
    /// All at once; their ends in the same order.
    std::vector<int> run_all(const Requests& requests);
    void line_up(bool shared, std::unique_ptr<Line> line);
    /// The core has something to look at. Never waits.
    void call();
    void stopping(bool stopping);
    /// `changed` is called on "berth-io" whenever the state is another one. One listener.
    void on_change(std::function<void()> changed);
    VolumeState state() const;
    /// Since when the state is `silent`; nullopt: it is another.
    std::optional<BootTime> silent_since() const;

    /// Every request fails with ESHUTDOWN, now and later. Comes back when no thread is inside any more.
    void end();

  private:
    struct Waiter;
    using Lock = std::unique_lock<std::mutex>;

    // With the mutex, all of them; those that take the lock let go of it meanwhile.
    void submit(size_t disk, const std::shared_ptr<BlockRequest>& request, Waiter& waiter);
    void wait(Lock& lock, Waiter& waiter);
    void be_done(Waiter& waiter, int error);
    void to_be_called(Waiter& waiter);
    void let_go(Lock& lock);
    void hand_over();
    void turn();
    void step();
    void publish();
    void fill(std::vector<pollfd>& fds, std::vector<Line*>& lines);
    void call_leader();
    void serve(Lock& lock);
    void serve_lines();
    void give_up();
    void abandon();
    void io();
    void park(Lock& lock, uint64_t& seen);
    void tell(Lock& lock);

    EngineCore& core_;
    lock::Lease& lease_;
    Clock& clock_;
    const UniqueFd wake_, timer_;

    mutable std::mutex mutex_;
    bool led_ = false;                // a thread is the leader, or was called to be it
    bool polling_ = false;            // and waits for what is polled
    std::vector<Waiter*> waiters_;    // who may be given the lead
    Waiter* called_first_ = nullptr;  // to be called without the mutex, in a row
    Waiter* called_last_ = nullptr;
    std::vector<pollfd> polled_, now_;         // the leader's; what it should be
    std::vector<Line*> polled_lines_, lines_;  // from the third on
    BootTime armed_ = k_never;                 // when the timer is readable
    uint64_t requests_ = 0;
    std::vector<std::pair<bool, std::unique_ptr<Line>>> delivered_;
    VolumeState state_ = VolumeState::starting;
    std::optional<BootTime> silent_since_;
    std::function<void()> changed_;
    bool untold_ = false;  // `changed_` is to be called
    bool stopping_ = false, ended_ = false;
    bool parked_long_ = false;  // "berth-io", until nobody leads
    std::condition_variable parked_, left_;
    std::thread io_;
};

}  // namespace berth::volume
