// SPDX-License-Identifier: GPL-3.0-or-later
// Where a server's name leads. getaddrinfo(3) waits as long as the resolver likes, so each look-up has a
// thread of its own that nobody waits for longer than they want. What it found is remembered, and the address
// that answered last is the first to be tried: a connection is made anew without the resolver. Any thread.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace berth::files {

/// Without a port.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    /// Numeric, without port and zone; IPv4 in IPv6 (RFC 4291 2.5.5.2) is written as the IPv4 address that is
    /// reached.
    std::string text() const;
    int family() const { return storage.ss_family; }
    /// The same with `port`.
    SocketAddress with_port(uint16_t port) const;
    bool operator==(const SocketAddress& other) const;
};

/// Every address of a name, in the order in which they should be tried; M01.
using LookUp = std::function<Result<std::vector<SocketAddress>>(const std::string& name)>;
/// getaddrinfo(3).
Result<std::vector<SocketAddress>> system_look_up(const std::string& name);

class ServerAddresses {
  public:
    /// A name, or an address, which needs no look-up.
    explicit ServerAddresses(std::string name, LookUp look_up = system_look_up);

    const std::string& name() const { return state_->name; }
    /// What is known, the one that answered last before all others; empty: nothing yet.
    std::vector<SocketAddress> known() const;
    /// What somebody else knows of them, in the order in which they should be tried; no more than a look-up's
    /// result, which takes its place.
    void learn(const std::vector<SocketAddress>& known);
    /// Somebody answered at `address`.
    void answered(const SocketAddress& address);

    /// A look-up under way.
    class Pending {
      public:
        /// Readable when it is done.
        int fd() const { return done_.get(); }
        /// Once it is done: the error, if it had one; else known() has the result.
        Status result() const;

      private:
        friend class ServerAddresses;
        UniqueFd done_;
        mutable std::mutex mutex_;
        Status status_;
    };
    /// The one under way, or a new one; nullptr: there is nothing to look up (an address).
    std::shared_ptr<Pending> look_up();

  private:
    struct State {
        std::string name;
        LookUp look_up;
        bool numeric = false;
        std::mutex mutex;
        std::vector<SocketAddress> known;
        std::shared_ptr<Pending> pending;
    };
    static void run(const std::shared_ptr<State>& state, const std::shared_ptr<Pending>& pending);
    std::shared_ptr<State> state_;  // a look-up may outlive us
};

}  // namespace berth::files
