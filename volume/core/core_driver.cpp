// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/core_driver.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>

#include "base/no_throw.h"
#include "volume/core/rpc_transport.h"

namespace berth::volume {
namespace {

/// "berth-io" leaves the lead to those who wait while requests come, and looks so often whether they do.
constexpr auto k_park = std::chrono::milliseconds(5);

/// What is no line among the polled.
constexpr size_t k_own = 2;

RpcTransport& socket_of(Line& line) {
    return static_cast<RpcTransport&>(line);
}

void drain(int fd) {
    uint64_t count = 0;
    (void)!::read(fd, &count, sizeof count);
}

bool same(const std::vector<pollfd>& a, const std::vector<pollfd>& b) {
    return std::ranges::equal(
        a, b, [](const pollfd& x, const pollfd& y) { return x.fd == y.fd && x.events == y.events; });
}

}  // namespace

/// A thread's, on its stack.
struct CoreDriver::Waiter {
    Waiter() { sem_init(&called, 0, 0); }
    ~Waiter() { sem_destroy(&called); }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    bool done = false;
    int error = EIO;
    bool waits = false;  // among `waiters_`: then it is called once, done or to lead
    bool leads = false;
    Waiter* next_called = nullptr;
    sem_t called;
};

CoreDriver::CoreDriver(EngineCore& core, lock::Lease& lease, Clock& clock)
    : core_(core),
      lease_(lease),
      clock_(clock),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      timer_(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {}

CoreDriver::~CoreDriver() {
    end();
}

void CoreDriver::start() {
    io_ = std::thread([this] { io(); });
    pthread_setname_np(io_.native_handle(), "berth-io");
}

void CoreDriver::end() {
    Lock lock(mutex_);
    ended_ = true;
    abandon();
    let_go(lock);
    if (io_.joinable()) io_.join();
    lock.lock();
    left_.wait(lock, [this] { return !led_; });
}

void CoreDriver::call() {
    const uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
}

void CoreDriver::line_up(bool shared, std::unique_ptr<Line> line) {
    std::lock_guard lock(mutex_);
    delivered_.emplace_back(shared, std::move(line));
    call();
}

void CoreDriver::stopping(bool stopping) {
    Lock lock(mutex_);
    stopping_ = stopping;
    turn();
    let_go(lock);
}

void CoreDriver::on_change(std::function<void()> changed) {
    std::lock_guard lock(mutex_);
    changed_ = std::move(changed);
}

VolumeState CoreDriver::state() const {
    std::lock_guard lock(mutex_);
    return state_;
}

std::optional<BootTime> CoreDriver::silent_since() const {
    std::lock_guard lock(mutex_);
    return silent_since_;
}

int CoreDriver::run(size_t disk, const std::shared_ptr<BlockRequest>& request) {
    Waiter waiter;
    Lock lock(mutex_);
    submit(disk, request, waiter);
    turn();
    wait(lock, waiter);
    return waiter.error;
}

std::vector<int> CoreDriver::run_all(const Requests& requests) {
    std::deque<Waiter> waiters(requests.size());
    std::vector<int> errors;
    errors.reserve(requests.size());
    Lock lock(mutex_);
    for (size_t i = 0; i < requests.size(); i++) submit(requests[i].first, requests[i].second, waiters[i]);
    turn();
    for (Waiter& waiter : waiters) {
        if (!lock) lock.lock();
        wait(lock, waiter);
        errors.push_back(waiter.error);
    }
    if (lock) let_go(lock);
    return errors;
}

void CoreDriver::submit(size_t disk, const std::shared_ptr<BlockRequest>& request, Waiter& waiter) {
    requests_++;
    request->done = [this, &waiter](int error) { be_done(waiter, error); };
    if (!ended_ && !no_throw("berth-io", false, [&] { return core_.submit(disk, request), true; })) give_up();
    // Also one that the core threw out before it had it.
    if (ended_ && !waiter.done) be_done(waiter, ESHUTDOWN);
}

/// Returns without the mutex.
void CoreDriver::wait(Lock& lock, Waiter& waiter) {
    if (waiter.done) return let_go(lock);
    if (led_) {
        if (!no_throw("berth-io", false, [&] { return waiters_.push_back(&waiter), true; })) {
            give_up();
            return let_go(lock);
        }
        waiter.waits = true;
        let_go(lock);
        while (sem_wait(&waiter.called) != 0) {
        }
        if (!waiter.leads) return;
        lock.lock();
    }
    led_ = true;
    while (!waiter.done) {
        serve(lock);
        turn();
    }
    hand_over();
    let_go(lock);
}

void CoreDriver::be_done(Waiter& waiter, int error) {
    waiter.error = error;
    waiter.done = true;
    if (!waiter.waits) {
        if (polling_) call();  // it may be the leader's, which waits for what it polls
        return;
    }
    std::erase(waiters_, &waiter);
    to_be_called(waiter);
}

void CoreDriver::to_be_called(Waiter& waiter) {
    waiter.waits = false;
    (called_last_ ? called_last_->next_called : called_first_) = &waiter;
    called_last_ = &waiter;
}

/// Whoever is called finds the mutex free.
void CoreDriver::let_go(Lock& lock) {
    Waiter* next = std::exchange(called_first_, nullptr);
    called_last_ = nullptr;
    lock.unlock();
    while (next) {
        Waiter& waiter = *next;
        next = waiter.next_called;
        sem_post(&waiter.called);  // and it is gone
    }
}

/// To the one that came last: it will need the lead for longest.
void CoreDriver::hand_over() {
    if (!waiters_.empty()) {
        Waiter& next = *waiters_.back();
        waiters_.pop_back();
        next.leads = true;
        to_be_called(next);
        return;
    }
    led_ = false;
    if (ended_) left_.notify_all();
    if (parked_long_) parked_.notify_all();
}

void CoreDriver::turn() {
    if (ended_) return;
    if (!no_throw("berth-io", false, [this] { return step(), true; })) give_up();
}

void CoreDriver::step() {
    for (auto& [shared, line] : std::exchange(delivered_, {})) core_.line_up(shared, std::move(line));
    core_.stopping(stopping_);
    BootTime wake;
    bool broken = false;
    do {
        wake = core_.step();
        broken = false;
        core_.each_line([&](Line& line) {
            socket_of(line).flush(lease_);
            broken = broken || line.broken();
        });
    } while (broken);
    // Armed for an earlier moment it costs one turn too many, and not a call for each request.
    if (wake < armed_) {
        armed_ = wake;
        clock_.arm(timer_.get(), wake);
    }
    publish();
    call_leader();
}

void CoreDriver::publish() {
    silent_since_ = core_.silent_since();
    if (core_.state() == state_) return;
    state_ = core_.state();
    untold_ = true;
    parked_.notify_all();
}

void CoreDriver::fill(std::vector<pollfd>& fds, std::vector<Line*>& lines) {
    fds = {{wake_.get(), POLLIN, 0}, {timer_.get(), POLLIN, 0}};
    lines.clear();
    core_.each_line([&](Line& line) {
        const RpcTransport& socket = socket_of(line);
        fds.push_back({socket.fd(), static_cast<short>(socket.events(lease_)), 0});
        lines.push_back(&line);
    });
}

/// It polls what was there when it began.
void CoreDriver::call_leader() {
    if (!polling_) return;
    fill(now_, lines_);
    if (untold_ || !same(now_, polled_)) call();
}

/// Waits for something to happen, without the mutex, and serves the lines on which it did.
void CoreDriver::serve(Lock& lock) {
    if (ended_) return;
    if (!no_throw("berth-io", false, [this] { return fill(polled_, polled_lines_), true; })) return give_up();
    polling_ = true;
    let_go(lock);
    const int ready = poll(polled_.data(), polled_.size(), -1);
    lock.lock();
    polling_ = false;
    if (ready <= 0 || ended_) return;
    if (polled_[0].revents) drain(wake_.get());
    if (polled_[1].revents) {
        drain(timer_.get());
        armed_ = k_never;
    }
    if (!no_throw("berth-io", false, [this] { return serve_lines(), true; })) give_up();
}

/// A line that took the place of one that went meanwhile finds that nothing has happened.
void CoreDriver::serve_lines() {
    core_.each_line([this](Line& line) {
        const auto at = std::ranges::find(polled_lines_, &line);
        if (at == polled_lines_.end()) return;
        const short happened = polled_[k_own + static_cast<size_t>(at - polled_lines_.begin())].revents;
        if (happened) socket_of(line).service(happened, lease_);
    });
}

void CoreDriver::give_up() {
    lease_.lose_for_good();
    ended_ = true;
    state_ = VolumeState::lost;
    untold_ = true;
    abandon();
}

/// Nobody waits for a request after that, and whoever waits for something else looks up.
void CoreDriver::abandon() {
    no_throw("berth-io", [this] { core_.abandon(); });
    parked_.notify_all();
    call();
}

void CoreDriver::io() {
    Lock lock(mutex_);
    turn();
    uint64_t seen = requests_;
    while (!ended_) {
        tell(lock);
        if (led_ || requests_ != seen) {
            park(lock, seen);
            continue;
        }
        led_ = true;
        do {
            serve(lock);
            turn();
        } while (!ended_ && !untold_ && requests_ == seen);
        hand_over();
    }
    tell(lock);
    let_go(lock);
}

/// Until requests come no more and nobody leads, or something is to be done.
void CoreDriver::park(Lock& lock, uint64_t& seen) {
    let_go(lock);
    lock.lock();
    const auto wanted = [this] { return ended_ || untold_; };
    if (std::exchange(seen, requests_) != requests_) {
        parked_.wait_for(lock, k_park, wanted);
        return;
    }
    parked_long_ = true;
    parked_.wait(lock, [&] { return wanted() || !led_; });
    parked_long_ = false;
}

void CoreDriver::tell(Lock& lock) {
    while (std::exchange(untold_, false)) {
        const auto changed = changed_;
        let_go(lock);
        const bool told = !changed || no_throw("berth-io", false, [&] { return changed(), true; });
        lock.lock();
        if (!told && !ended_) give_up();
    }
}

}  // namespace berth::volume
