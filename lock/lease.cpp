// SPDX-License-Identifier: GPL-3.0-or-later
#include "lock/lease.h"

#include <algorithm>

namespace berth::lock {

uint64_t Lease::begin_renewal() const {
    std::lock_guard lock(mutex_);
    return losses_;
}

void Lease::renewed(BootTime before_write, uint64_t begun) {
    std::lock_guard lock(mutex_);
    if (begun != losses_ || claimed_) return;
    until_ = std::max(until_, before_write + hold_);
    suspended_ = false;
}

void Lease::connection_lost() {
    std::lock_guard lock(mutex_);
    losses_++;
    suspended_ = true;
}

void Lease::claimed() {
    std::lock_guard lock(mutex_);
    claimed_ = true;
}

void Lease::lose_for_good() {
    std::lock_guard lock(mutex_);
    lost_ = true;
}

bool Lease::may_send() const {
    std::lock_guard lock(mutex_);
    return !lost_ && valid();
}

bool Lease::ended() const {
    std::lock_guard lock(mutex_);
    return lost() || clock_.now() >= until_;
}

BootTime Lease::ends() const {
    std::lock_guard lock(mutex_);
    return until_;
}

bool Lease::lost_for_good() const {
    std::lock_guard lock(mutex_);
    return lost();
}

bool Lease::is_claimed() const {
    std::lock_guard lock(mutex_);
    return claimed_;
}

Duration Lease::left() const {
    std::lock_guard lock(mutex_);
    return !lost_ && valid() ? until_ - clock_.now() : Duration(0);
}

}  // namespace berth::lock
