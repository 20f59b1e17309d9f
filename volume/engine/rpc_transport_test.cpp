// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/engine/rpc_transport.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/fd.h"

namespace berth::volume {
namespace {

using namespace std::chrono_literals;
constexpr Duration k_longest = 60s;

/// A server that accepts one connection and answers nothing.
struct RpcTransportTest : ::testing::Test {
    void SetUp() override {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        ASSERT_EQ(listen(listener.get(), 1), 0);
        ASSERT_EQ(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
        auto connection = RpcConnection::connect("127.0.0.1", ntohs(address.sin_port), {}, 10s);
        ASSERT_TRUE(connection) << connection.error().to_log();
        peer.reset(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        ASSERT_TRUE(peer);
        transport.emplace(std::move(*connection), TransferLimits{1 << 20, 1 << 20}, clock);
        lease.renewed(clock.now(), lease.begin_renewal());
    }
    void write() {
        transport->write("file", 0, "abc", false,
                         [this](CallResult result, const WriteReply&) { written_lost = result.lost; });
    }
    /// What of our bytes the server's kernel has, after we did what poll(2) would have us do.
    ssize_t arrived() {
        if (transport->events(lease) & POLLOUT) transport->service(POLLOUT, lease);
        char bytes[4096];
        return recv(peer.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    }
    bool peer_sees_a_reset() {
        pollfd p{peer.get(), POLLIN, 0};
        char byte;
        return poll(&p, 1, 10'000) == 1 && recv(peer.get(), &byte, 1, 0) < 0 && errno == ECONNRESET;
    }

    FakeClock clock;
    Lease lease{clock, 60s};
    UniqueFd peer;
    std::optional<RpcTransport> transport;
    bool written_lost = false;
};

TEST_F(RpcTransportTest, a_write_leaves_the_buffer_with_the_lease) {
    write();
    EXPECT_GT(arrived(), 0);
}

TEST_F(RpcTransportTest, a_write_that_waits_in_the_buffer_stays_there_without_the_lease) {
    write();
    lease.connection_lost();
    EXPECT_EQ(arrived(), -1);
    transport->service(POLLOUT, lease);  // it was lost between poll and now
    EXPECT_EQ(arrived(), -1);
    lease.renewed(clock.now(), lease.begin_renewal());
    EXPECT_GT(arrived(), 0);
}

TEST_F(RpcTransportTest, a_read_needs_no_lease) {
    lease.connection_lost();
    transport->read("file", 0, 1, [](CallResult, std::string_view, bool) {});
    EXPECT_GT(arrived(), 0);
}

TEST_F(RpcTransportTest, the_end_of_the_lease_resets_a_connection_with_a_write_on_its_way) {
    write();
    EXPECT_GT(arrived(), 0);
    transport->reset_overdue(lease, k_longest);
    EXPECT_FALSE(transport->broken());
    lease.connection_lost();
    clock.advance(59s);
    transport->reset_overdue(lease, k_longest);
    EXPECT_FALSE(transport->broken()) << "suspended, not ended";
    clock.advance(1s);
    transport->reset_overdue(lease, 1h);
    EXPECT_TRUE(transport->broken());
    EXPECT_TRUE(peer_sees_a_reset());
    transport.reset();
    EXPECT_TRUE(written_lost);
}

TEST_F(RpcTransportTest, another_holder_of_the_lock_resets_it_too) {
    write();
    lease.lose_for_good();
    transport->reset_overdue(lease, k_longest);
    EXPECT_TRUE(transport->broken());
}

TEST_F(RpcTransportTest, the_end_of_the_lease_leaves_a_connection_that_only_reads) {
    transport->read("file", 0, 1, [](CallResult, std::string_view, bool) {});
    clock.advance(60s);
    transport->reset_overdue(lease, 1h);
    EXPECT_FALSE(transport->broken());
}

TEST_F(RpcTransportTest, a_slow_write_is_waited_for_while_the_lease_holds) {
    write();
    clock.advance(k_longest);
    lease.renewed(clock.now(), lease.begin_renewal());
    transport->reset_overdue(lease, k_longest);
    EXPECT_FALSE(transport->broken());
}

TEST_F(RpcTransportTest, a_call_that_the_server_dropped_does_not_hold_the_connection_for_ever) {
    transport->read("file", 0, 1, [](CallResult, std::string_view, bool) {});
    clock.advance(59s);
    transport->reset_overdue(lease, k_longest);
    EXPECT_FALSE(transport->broken());
    clock.advance(1s);
    transport->reset_overdue(lease, k_longest);
    EXPECT_TRUE(transport->broken());
}

}  // namespace
}  // namespace berth::volume
