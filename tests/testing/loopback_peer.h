// SPDX-License-Identifier: GPL-3.0-or-later
// A connection to a server that accepts it and answers nothing: both its ends, on this machine.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <utility>

#include "base/fd.h"
#include "files/nfs/rpc_connection.h"

namespace berth::files {

struct LoopbackPeer {
    /// Asserts that all of it worked.
    void connect(const NfsCredentials& credentials) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        ASSERT_EQ(listen(listener.get(), 1), 0);
        ASSERT_EQ(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
        ServerAddresses loopback("127.0.0.1");
        auto connected =
            RpcConnection::connect(loopback, ntohs(address.sin_port), credentials, std::chrono::seconds(10));
        ASSERT_TRUE(connected) << connected.error().to_log();
        connection = std::move(*connected);
        peer.reset(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        ASSERT_TRUE(peer);
    }

    std::unique_ptr<RpcConnection> connection;
    UniqueFd peer;  ///< The server's end.
};

}  // namespace berth::files
