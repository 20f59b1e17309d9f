// SPDX-License-Identifier: GPL-3.0-or-later
// An address on loopback at which connections are neither taken nor refused, as behind a router that drops
// packets: a listening socket whose queue is full.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "base/fd.h"
#include "files/nfs/server_addresses.h"

namespace berth::test {

inline files::SocketAddress address_of(const std::string& numbers) {
    return files::ServerAddresses(numbers).known().at(0);
}

class BlackHole {
  public:
    /// `address`: of 127.0.0.0/8.
    BlackHole(const std::string& address, uint16_t port) {
        const files::SocketAddress at = address_of(address).with_port(port);
        const auto* name = reinterpret_cast<const sockaddr*>(&at.storage);
        listener_.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const int on = 1;
        setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(listener_.get(), name, at.size) != 0 || listen(listener_.get(), 0) != 0)
            throw std::runtime_error("black hole");
        for (bool full = false; !full;) {
            waiting_.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            (void)!connect(waiting_.back().get(), name, at.size);
            pollfd p{waiting_.back().get(), POLLOUT, 0};
            full = poll(&p, 1, 30) == 0;
        }
    }

  private:
    UniqueFd listener_;
    std::vector<UniqueFd> waiting_;
};

}  // namespace berth::test
