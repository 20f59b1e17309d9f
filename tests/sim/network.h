// SPDX-License-Identifier: GPL-3.0-or-later
// The network between clients and server: connections with calls on them, and copies of calls that it kept.
// What it may do is what docs/security.md assumes: a WRITE is executed within `delay` of being sent, or never; each WRITE
// is sent once on one connection, so one that was answered has no copy; and of what a client sent again and
// had accepted, an older copy does not come after data that it sent to the same place later still.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace berth::sim {

enum class Trouble { none, refused, shortened };

struct Call {
    enum class Kind {
        looks,   ///< Changes nothing.
        names,   ///< Changes names: a copy may come at any time.
        record,  ///< WRITE of a lock's record.
        block,   ///< WRITE of a block.
        commit,
    };
    Kind kind = Kind::looks;
    unsigned client = 0;
    std::string what;  ///< For people.
    BootTime sent;
    uint64_t asked = 0;     ///< Digest of what is asked.
    uint64_t answered = 0;  ///< Of the reply, once it is executed.
    bool executed = false, dropped = false;
    /// A block's: where, what, and for whom.
    uint64_t offset = 0, epoch = 0;
    std::string data;

    /// LINK, RENAME: what tests/model/lock.pml keeps copies of, beside a block's WRITE.
    bool lasting = false;
    /// Whether to execute it now changes what is at the server.
    std::function<bool()> effective;
    /// A copy of it is kept (Tracer).
    std::function<void()> kept;
    /// Executes it at the server and keeps the reply; of a copy nobody sees the reply. Returns the reply's digest.
    std::function<uint64_t(Trouble, bool copy)> execute;
    /// The reply arrived, or, with false, the connection broke first. Once.
    std::function<void(bool answered)> done;

    bool write() const { return kind == Kind::record || kind == Kind::block; }
    bool changes() const { return kind == Kind::names || write(); }
};

struct Connection {
    unsigned number = 0, client = 0;
    std::string name;
    bool broken = false;
    std::optional<BootTime> stalled;  ///< Nothing of it moves until then.
    /// The server dropped a call, and lives on: an administrator ends the connection then.
    std::optional<BootTime> ends;
    std::deque<std::shared_ptr<Call>> calls;
    std::function<void()> on_break;  ///< Once, before its calls are lost.

    /// The next call to be executed or answered; nullptr: none.
    std::shared_ptr<Call> front() const;
};

class Network {
  public:
    explicit Network(Duration delay) : delay_(delay) {}

    std::shared_ptr<Connection> connect(unsigned client, std::string name);
    const std::vector<std::shared_ptr<Connection>>& connections() const { return connections_; }
    /// Those with something to do now, in the order of their numbers.
    std::vector<std::shared_ptr<Connection>> busy(BootTime now) const;
    void send(Connection& on, std::shared_ptr<Call> call, BootTime now);

    struct Copy {
        std::shared_ptr<Call> call;
        std::optional<BootTime> until;  ///< Before then; nullopt: at any time.
        /// Of a block's bytes: those that were accepted anew, and those of them that newer ones were accepted over.
        std::vector<bool> resolved, over;
    };
    const std::vector<Copy>& copies() const { return copies_; }
    void keep(const std::shared_ptr<Call>& call);
    /// Takes copy `i` out and executes what is left of it. A block's: offset and bytes of each stretch.
    std::shared_ptr<Call> take_copy(size_t i, std::vector<std::pair<uint64_t, std::string>>& stretches);
    /// A block was executed, by a call that is no copy.
    void accepted(const Call& call, size_t count);
    void expire(BootTime now);

    /// Takes it off; its calls are `done(false)`, in their order.
    void break_connection(const std::shared_ptr<Connection>& connection);

    /// Until when time may pass with what is under way: before the bound of each WRITE.
    std::optional<BootTime> bound() const;
    /// The end of the first stall, or of a connection, behind `now`.
    std::optional<BootTime> next_event(BootTime now) const;
    Duration delay() const { return delay_; }
    uint64_t digest() const;

  private:
    const Duration delay_;
    unsigned next_ = 1;
    std::vector<std::shared_ptr<Connection>> connections_;
    std::vector<Copy> copies_;
};

}  // namespace berth::sim
