// SPDX-License-Identifier: GPL-3.0-or-later
// Who may stay connected, so that one stranger does not stop a site (docs/architecture.md "Provisioner: HTTP"): a table of connections
// and its rules, without sockets. Time is given; the caller ends the connections that are named.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"

namespace berth::net {

struct AdmissionLimits {
    size_t connections = 512;  ///< All together.
    size_t per_address = 64;
    size_t reserve = 64;  ///< Below so many free ones no transfer (net/route_table.h) begins.
    Duration patience = std::chrono::seconds(10);  ///< For a complete request.
};

/// One thread at a time. A connection that was named to be ended counts no more, though it may take a moment
/// to close.
class Admission {
  public:
    using Id = uint64_t;
    explicit Admission(AdmissionLimits limits = {}) : limits_(limits) {}

    struct Opened {
        Id id = 0;
        std::vector<Id> end;  ///< Which must be ended now. It may be the new one itself.
    };
    /// Where a limit is passed, the oldest connection without a complete request goes: of this address where
    /// it is the address's limit. If all others are being answered it is the new one that goes.
    Opened opened(const std::string& address, BootTime now);
    /// Its request is complete and is being answered.
    void completed(Id id);
    /// It was answered and may bring another request.
    void answered(Id id, BootTime now);
    void closed(Id id);
    /// Those that have brought no complete request within the patience; each is named once.
    std::vector<Id> late(BootTime now);
    /// Whether an image transfer would take one of the last free connections.
    bool crowded() const { return staying_ + limits_.reserve > limits_.connections; }
    size_t staying() const { return staying_; }

  private:
    struct Connection {
        std::string address;
        BootTime since;  ///< Without a complete request since then.
        bool complete = false, ending = false;
    };
    void end(Id id);
    /// Not `but`; nullopt-like 0: all are being answered.
    Id oldest(const std::string* address, Id but) const;

    AdmissionLimits limits_;
    std::map<Id, Connection> connections_;
    std::map<std::string, size_t> by_address_;  ///< Staying ones.
    size_t staying_ = 0;
    Id last_ = 0;
};

}  // namespace berth::net
