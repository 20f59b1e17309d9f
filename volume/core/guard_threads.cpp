// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/guard_threads.h"

#include <pthread.h>

#include <utility>

#include "base/no_throw.h"

namespace berth::volume {
namespace {

constexpr Duration k_after_exception = std::chrono::seconds(1);

}  // namespace

GuardThreads::GuardThreads(const VolumeConfig& config, lock::Lease& lease, Clock& clock, Report& report,
                           const files::LookUp& look_up)
    : clock_(clock),
      with_shared_(config.shared.has_value()),
      connector_(config, clock, look_up),
      guard_(config, lease, clock, report, connector_,
             [this](bool shared, std::unique_ptr<Line> line) { deliver_(shared, std::move(line)); }) {}

GuardThreads::~GuardThreads() {
    stop();
}

void GuardThreads::start(Guard::Deliver deliver, std::function<void()> changed) {
    deliver_ = std::move(deliver);
    guard_.on_change(std::move(changed));
    const auto begin = [this](const char* name, bool& called, std::function<BootTime()> turn) {
        threads_.emplace_back(
            [this, name, &called, turn = std::move(turn)] { take_turns(name, called, turn); });
        pthread_setname_np(threads_.back().native_handle(), name);
    };
    begin("berth-guard", called_[2], [this] { return guard_.step(); });
    begin("berth-lines", called_[false], [this] { return guard_.step_lines(false); });
    if (with_shared_) begin("berth-shared", called_[true], [this] { return guard_.step_lines(true); });
}

void GuardThreads::take_turns(const char* name, bool& called, const std::function<BootTime()>& turn) {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        called = false;
        lock.unlock();
        // What is not renewed runs out, and a line that was not made is still wanted: nothing is lost but time.
        BootTime next;
        if (!no_throw(name, false, [&] { return next = turn(), true; }))
            next = clock_.now() + k_after_exception;
        const Duration left = next == k_never ? Duration() : next - clock_.now();
        lock.lock();
        const auto due = [&] { return stopping_ || called; };
        if (next == k_never)
            wake_.wait(lock, due);
        else
            wake_.wait_for(lock, left, due);
    }
}

void GuardThreads::want_line(bool shared) {
    guard_.want_line(shared);
    std::lock_guard lock(mutex_);
    called_[shared] = true;
    wake_.notify_all();
}

void GuardThreads::stop() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
        wake_.notify_all();
    }
    connector_.interrupt();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
}

}  // namespace berth::volume
