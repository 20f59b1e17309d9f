// SPDX-License-Identifier: GPL-3.0-or-later
// The right to send writes (docs/rules.md "Lease", "Sockets"). It ends `hold` after the moment
// before the WRITE of the last good renewal was sent. The loss of a connection that may still carry a write
// suspends it until a good renewal that was begun after the loss. Somebody else's claim above leaves what is
// left of it and nothing more; somebody else's lock ends it for good. Any thread.
//
// Which loss counts: a connection may still carry a write if a WRITE (of a block or of the lock's record) was
// given to it and had no answer when it broke. Each WRITE is sent once on one connection, so an answered one
// has no copy on its way; LOOKUP, READ, READDIR, COMMIT and NULL change nothing. An idle connection and one
// that only reads do not count: the right rests on the listing of a renewal, not on a connection
// (tests/model/lock.pml), and what a new connection leads to is looked at before it is used.
#pragma once

#include <cstdint>
#include <mutex>

#include "base/clock.h"

namespace berth::lock {

class Lease {
  public:
    Lease(Clock& clock, Duration hold) : clock_(clock), hold_(hold) {}

    /// What was lost so far; a renewal takes it before its first call and hands it back.
    uint64_t begin_renewal() const;
    /// A good renewal whose WRITE was sent after `before_write`.
    void renewed(BootTime before_write, uint64_t begun);
    /// One that may still carry a write.
    void connection_lost();
    /// There is a claim above ours (docs/rules.md "Taking over"): no renewal counts any more. What is left of the
    /// right may be used to close; its end, or connection_lost(), is for good.
    void claimed();
    void lose_for_good();

    /// To be asked immediately before each batch of writes.
    bool may_send() const;
    /// Its time is over (a loss only suspends it): what was sent must not arrive any more.
    bool ended() const;
    /// When that will be unless a renewal comes first.
    BootTime ends() const;
    bool lost_for_good() const;
    bool is_claimed() const;
    /// How long may_send() stays true without another renewal; zero when it is false.
    Duration left() const;

  private:
    bool lost() const { return lost_ || (claimed_ && !valid()); }
    bool valid() const { return !suspended_ && clock_.now() < until_; }
    Clock& clock_;
    const Duration hold_;
    mutable std::mutex mutex_;
    BootTime until_;
    uint64_t losses_ = 0;
    bool suspended_ = true;  // until the first renewal
    bool claimed_ = false;
    bool lost_ = false;
};

}  // namespace berth::lock
