// SPDX-License-Identifier: GPL-3.0-or-later
// One connection for blocks, as the core sees it, and the rules of when it is kept alive and when it is reset
// (docs/rules.md "Sockets"). The connection that breaks stays broken; a new one is another Line. One thread.
#pragma once

#include <optional>

#include "base/clock.h"
#include "lock/lease.h"
#include "volume/core/block_transport.h"

namespace berth::volume {

class Line : public BlockTransport {
  public:
    /// When the oldest unanswered call was sent.
    virtual std::optional<BootTime> oldest_call() const = 0;
    /// When the latest call was sent, or the line was made.
    virtual BootTime last_call() const = 0;
    /// WRITEs unanswered.
    virtual unsigned writes_out() const = 0;
    /// A WRITE was given to the connection and never answered: if the connection is broken, it may still be
    /// on its way (Lease::connection_lost).
    virtual bool may_carry_writes() const = 0;
    virtual bool broken() const = 0;
    /// It is broken from now on. Its calls come back as lost, at the latest when it is destroyed.
    virtual void reset() = 0;
    /// NULL: that the connection carries something.
    virtual void ping() = 0;
};

/// A call when none was made for files::k_longest_idle and none is unanswered.
void keep_alive(Line& line, BootTime now);

/// Resets it when the lease ended with a write unanswered, and when a call without such a write was not
/// answered for `longest`: a server may drop one and live on. A slow write is waited for while the lease
/// holds: a copy that the server kept could come after newer data.
void reset_overdue(Line& line, const lock::Lease& lease, BootTime now, Duration longest);

/// When one of these two has something to do if nothing happens to line or lease before.
BootTime next_look(const Line& line, const lock::Lease& lease, Duration longest);

}  // namespace berth::volume
