// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/pam/watchdog.h"

#include <unistd.h>

#include <utility>

#include "base/no_throw.h"

namespace berth::session {

Watchdog::~Watchdog() {
    if (!thread_.joinable()) return;
    {
        const auto held = lock();
        stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

std::unique_lock<std::mutex> Watchdog::lock() {
    std::unique_lock held(mutex_);
    // The process is being ended.
    changed_.wait(held, [this] { return !late_; });
    return held;
}

void Watchdog::run() {
    std::unique_lock held(mutex_);
    while (!stop_) {
        if (!deadline_) {
            changed_.wait(held);
            continue;
        }
        const auto until = *deadline_;  // the member may change meanwhile
        changed_.wait_until(held, until);
        if (stop_ || !deadline_ || Time::now() < *deadline_) continue;
        deadline_.reset();
        late_ = true;
        const std::string what = what_;
        held.unlock();
        expired_(what);
        held.lock();
    }
}

Watchdog::Watch::Watch(Watchdog* dog, std::string what, Duration limit) : dog_(dog) {
    if (dog_ == nullptr) return;
    {
        const auto held = dog_->lock();
        if (!dog_->thread_.joinable())
            dog_->thread_ = std::thread([dog = dog_] {
                // One that does not watch any more would let a call hang for ever.
                if (!no_throw("watchdog", false, [dog] { return dog->run(), true; })) _exit(1);
            });
        dog_->what_ = std::move(what);
        dog_->deadline_ = Time::now() + limit;
    }
    dog_->changed_.notify_all();
}

Watchdog::Watch::~Watch() {
    if (dog_ == nullptr) return;
    const auto held = dog_->lock();
    dog_->deadline_.reset();
}

Watchdog::Pause::Pause(Watchdog* dog) : dog_(dog) {
    if (dog_ == nullptr) return;
    const auto held = dog_->lock();
    if (!dog_->deadline_) return;
    dog_->left_ = *std::exchange(dog_->deadline_, std::nullopt) - Time::now();
    dog_->paused_ = true;
}

Watchdog::Pause::~Pause() {
    if (dog_ == nullptr) return;
    {
        const auto held = dog_->lock();
        if (std::exchange(dog_->paused_, false)) dog_->deadline_ = Time::now() + dog_->left_;
    }
    dog_->changed_.notify_all();
}

}  // namespace berth::session
