// SPDX-License-Identifier: GPL-3.0-or-later
// How the guard reaches the file servers, as a seam: NfsConnector is the real one. What waits, waits inside
// these calls and for no longer than their timeout.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "files/file_ops.h"
#include "volume/core/line.h"

namespace berth::volume {

/// A mounted directory on one connection (files/nfs/nfs_session.h says what each call means). One thread.
class Session {
  public:
    virtual ~Session() = default;
    virtual files::FileOps& ops() = 0;
    virtual bool connected() const = 0;
    /// How often it has connected, the present connection included.
    virtual uint64_t connections() const = 0;
    /// How many of its connections were lost with a WRITE unanswered (Lease::connection_lost).
    virtual uint64_t lost_writes() const = 0;
    virtual Status ping() = 0;
    /// Looks at the idle connection, so that a loss is noticed without a call.
    virtual void notice_loss() = 0;
    /// Bounds each operation.
    virtual void set_timeout(Duration timeout) = 0;
    /// One more connection to the same directory of the same server.
    virtual Result<std::unique_ptr<Session>> another() const = 0;
    /// Its connection becomes a line for blocks; it is not used any more.
    virtual std::unique_ptr<Line> take_line(const files::TransferLimits& limits) = 0;
    /// Server and local port, for the journal.
    virtual std::string place() const = 0;
};

class Connector {
  public:
    virtual ~Connector() = default;
    /// The user's directory or the shared tree. Any thread.
    virtual Result<std::unique_ptr<Session>> mount(bool shared, Duration timeout) = 0;
};

}  // namespace berth::volume
