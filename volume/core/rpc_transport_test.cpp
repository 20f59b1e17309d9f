// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/rpc_transport.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/fake_clock.h"
#include "tests/testing/loopback_peer.h"

namespace berth::volume {
namespace {

using namespace std::chrono_literals;
constexpr Duration k_longest = 60s;

/// A server that accepts one connection and answers nothing.
struct RpcTransportTest : ::testing::Test, files::LoopbackPeer {
    void SetUp() override {
        ASSERT_NO_FATAL_FAILURE(connect({}));
        transport.emplace(std::move(connection), files::TransferLimits{1 << 20, 1 << 20}, clock);
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
    /// The server answers the call that arrived, with an NFS status and what follows it.
    void answer(std::vector<uint32_t> body) {
        char call[4096];
        ASSERT_GE(recv(peer.get(), call, sizeof call, MSG_DONTWAIT), 28);
        uint32_t xid = 0;
        std::memcpy(&xid, call + 4, 4);
        // Accepted, AUTH_NONE, success (RFC 5531 9).
        std::vector<uint32_t> reply = {0, 0, 1, 0, 0, 0, 0};
        reply.insert(reply.end(), body.begin(), body.end());
        reply[0] = 0x80000000u | static_cast<uint32_t>((reply.size() - 1) * 4);
        for (auto& word : reply) word = htonl(word);
        reply[1] = xid;
        ASSERT_EQ(send(peer.get(), reply.data(), reply.size() * 4, 0),
                  static_cast<ssize_t>(reply.size() * 4));
        pollfd p{transport->fd(), POLLIN, 0};
        ASSERT_EQ(poll(&p, 1, 10'000), 1);
        transport->service(p.revents, lease);
    }
    void server_closes() {
        peer.reset();
        while (!transport->broken()) {
            pollfd p{transport->fd(), POLLIN, 0};
            ASSERT_EQ(poll(&p, 1, 10'000), 1);
            transport->service(p.revents, lease);
        }
        ASSERT_TRUE(transport->broken());
    }
    bool peer_sees_a_reset() {
        pollfd p{peer.get(), POLLIN, 0};
        char byte;
        return poll(&p, 1, 10'000) == 1 && recv(peer.get(), &byte, 1, 0) < 0 && errno == ECONNRESET;
    }

    FakeClock clock;
    lock::Lease lease{clock, 60s};
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

TEST_F(RpcTransportTest, holds_no_more_than_what_waits_however_much_has_passed) {
    const std::string small(12 << 10, 's');
    std::string taken(64 << 10, '\0');
    const auto write_one = [&] {
        transport->write("file", 0, small, false, [](CallResult, const WriteReply&) {});
        transport->flush(lease);
    };
    // A slow line: the socket is full from here on, and as much comes as goes.
    const int little = 32 << 10;
    ASSERT_EQ(setsockopt(transport->fd(), SOL_SOCKET, SO_SNDBUF, &little, sizeof little), 0);
    ASSERT_EQ(setsockopt(peer.get(), SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
    while ((transport->events(lease) & POLLOUT) == 0) write_one();
    for (int i = 0; i < 16; i++) write_one();
    std::string head;
    files::BlockCalls({}).write(head, 0, "file", 0, static_cast<uint32_t>(small.size()), false);
    const size_t call = head.size() + small.size();
    for (size_t passed = 0, owed = 0; passed < 64 << 20;) {
        pollfd p{peer.get(), POLLIN, 0};
        ASSERT_EQ(poll(&p, 1, 10'000), 1);
        const ssize_t got = recv(peer.get(), taken.data(), taken.size(), 0);
        ASSERT_GT(got, 0);
        passed += static_cast<size_t>(got);
        for (owed += static_cast<size_t>(got); owed >= call; owed -= call) write_one();
        ASSERT_NE(transport->events(lease) & POLLOUT, 0) << "it must never have sent everything";
        ASSERT_LT(transport->held(), 1 << 20);
    }
}

TEST_F(RpcTransportTest, a_large_write_leaves_whole_from_its_owners_bytes_and_stops_with_the_lease) {
    auto owner = std::make_shared<const std::string>(16 << 20, 'w');
    const std::weak_ptr<const std::string> kept = owner;
    const std::string_view bytes_of_owner = *owner;
    transport->write_shared("file", 0, bytes_of_owner, std::exchange(owner, nullptr), false,
                            [](CallResult, const WriteReply&) {});
    transport->flush(lease);
    ASSERT_FALSE(kept.expired()) << "no socket takes so much at once";
    lease.connection_lost();
    const auto take = [&] {
        std::string bytes(1 << 20, '\0');
        const ssize_t got = recv(peer.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        return got > 0 ? std::count(bytes.begin(), bytes.begin() + got, 'w') : 0;
    };
    ptrdiff_t written = 0;
    while (const auto more = take()) written += more, transport->service(POLLOUT, lease);
    EXPECT_LT(written, 16 << 20);
    lease.renewed(clock.now(), lease.begin_renewal());
    while (written < 16 << 20) {
        transport->flush(lease);
        pollfd p{peer.get(), POLLIN, 0};
        ASSERT_EQ(poll(&p, 1, 10'000), 1);
        written += take();
    }
    EXPECT_EQ(written, 16 << 20);
    EXPECT_TRUE(kept.expired());
}

TEST_F(RpcTransportTest, a_read_needs_no_lease) {
    lease.connection_lost();
    transport->read("file", 0, 1, [](CallResult, std::string_view, bool) {});
    EXPECT_GT(arrived(), 0);
}

TEST_F(RpcTransportTest, a_read_that_brings_more_than_was_asked_for_is_an_error) {
    for (const uint32_t asked : {4U, 8U}) {
        CallResult result{.lost = true};
        std::string bytes;
        transport->read("file", 0, asked, [&](CallResult r, std::string_view data, bool) {
            result = r;
            bytes = data;
        });
        transport->service(POLLOUT, lease);
        answer(
            {0, 0, 8, 0, 8, 0x41414141, 0x41414141});  // OK, no attributes, 8 bytes, not the end, the bytes
        EXPECT_FALSE(result.lost);
        EXPECT_EQ(result.ok(), asked == 8);
        EXPECT_EQ(bytes, asked == 8 ? "AAAAAAAA" : "");
    }
}

TEST_F(RpcTransportTest, the_end_of_the_lease_resets_a_connection_with_a_write_on_its_way) {
    write();
    EXPECT_GT(arrived(), 0);
    reset_overdue(*transport, lease, clock.now(), k_longest);
    EXPECT_FALSE(transport->broken());
    lease.connection_lost();
    clock.advance(59s);
    reset_overdue(*transport, lease, clock.now(), k_longest);
    EXPECT_FALSE(transport->broken()) << "suspended, not ended";
    clock.advance(1s);
    reset_overdue(*transport, lease, clock.now(), 1h);
    EXPECT_TRUE(transport->broken());
    EXPECT_TRUE(peer_sees_a_reset());
    transport.reset();
    EXPECT_TRUE(written_lost);
}

TEST_F(RpcTransportTest, another_holder_of_the_lock_resets_it_too) {
    write();
    lease.lose_for_good();
    reset_overdue(*transport, lease, clock.now(), k_longest);
    EXPECT_TRUE(transport->broken());
}

TEST_F(RpcTransportTest, the_end_of_the_lease_leaves_a_connection_that_only_reads) {
    transport->read("file", 0, 1, [](CallResult, std::string_view, bool) {});
    clock.advance(60s);
    reset_overdue(*transport, lease, clock.now(), 1h);
    EXPECT_FALSE(transport->broken());
}

TEST_F(RpcTransportTest, a_slow_write_is_waited_for_while_the_lease_holds) {
    write();
    clock.advance(k_longest);
    lease.renewed(clock.now(), lease.begin_renewal());
    reset_overdue(*transport, lease, clock.now(), k_longest);
    EXPECT_FALSE(transport->broken());
}

TEST_F(RpcTransportTest, a_call_that_the_server_dropped_does_not_hold_the_connection_for_ever) {
    transport->read("file", 0, 1, [](CallResult, std::string_view, bool) {});
    clock.advance(59s);
    reset_overdue(*transport, lease, clock.now(), k_longest);
    EXPECT_FALSE(transport->broken());
    clock.advance(1s);
    reset_overdue(*transport, lease, clock.now(), k_longest);
    EXPECT_TRUE(transport->broken());
}

TEST_F(RpcTransportTest, an_idle_connection_that_is_lost_carries_no_write) {
    server_closes();
    EXPECT_FALSE(transport->may_carry_writes());
}

TEST_F(RpcTransportTest, a_connection_that_is_lost_while_it_reads_carries_no_write) {
    transport->read("file", 0, 1, [](CallResult, std::string_view, bool) {});
    transport->commit("file", [](CallResult, const Verifier&) {});
    EXPECT_GT(arrived(), 0);
    server_closes();
    EXPECT_FALSE(transport->may_carry_writes());
}

TEST_F(RpcTransportTest, a_connection_that_is_lost_before_a_write_was_answered_may_carry_it) {
    write();
    EXPECT_GT(arrived(), 0);
    EXPECT_TRUE(transport->may_carry_writes());
    server_closes();
    EXPECT_TRUE(written_lost);
    EXPECT_TRUE(transport->may_carry_writes()) << "also when its callback has come";
}

TEST_F(RpcTransportTest, a_connection_that_is_lost_behind_the_answer_to_its_last_write_carries_none) {
    constexpr uint32_t k_io_error = 5;
    write();
    transport->service(POLLOUT, lease);
    answer({k_io_error, 0, 0});
    server_closes();
    EXPECT_FALSE(written_lost);
    EXPECT_FALSE(transport->may_carry_writes());
}

TEST_F(RpcTransportTest, a_write_that_finds_a_broken_connection_was_never_on_its_way) {
    server_closes();
    write();
    EXPECT_FALSE(transport->may_carry_writes());
}

TEST_F(RpcTransportTest, calls_when_it_was_idle_for_a_minute) {
    clock.advance(59s);
    keep_alive(*transport, clock.now());
    EXPECT_EQ(arrived(), -1);
    clock.advance(1s);
    keep_alive(*transport, clock.now());
    EXPECT_EQ(transport->oldest_call(), clock.now());
    keep_alive(*transport, clock.now());
    transport->service(POLLOUT, lease);
    answer({});
    EXPECT_FALSE(transport->broken());
    EXPECT_FALSE(transport->oldest_call()) << "one, and it was answered";
    clock.advance(59s);
    keep_alive(*transport, clock.now());
    EXPECT_FALSE(transport->oldest_call());
}

TEST_F(RpcTransportTest, does_not_call_for_its_own_sake_while_it_waits_for_an_answer) {
    transport->read("file", 0, 1, [](CallResult, std::string_view, bool) {});
    const BootTime sent = clock.now();
    clock.advance(2min);
    keep_alive(*transport, clock.now());
    EXPECT_EQ(transport->oldest_call(), sent);
    EXPECT_GT(arrived(), 0);
    EXPECT_EQ(arrived(), -1);
}

TEST_F(RpcTransportTest, what_a_callback_throws_comes_out_of_service) {
    transport->read("file", 0, 1,
                    [](CallResult, std::string_view, bool) { throw std::runtime_error("no memory"); });
    ASSERT_NE(transport->events(lease) & POLLOUT, 0);
    transport->service(POLLOUT, lease);
    // READ3res: an error, and no attributes.
    EXPECT_THROW(answer({5, 0}), std::runtime_error);
    // The call that is answered as lost while all goes down throws, too.
    transport->read("file", 0, 1, [](CallResult, std::string_view, bool) { throw 7; });
    ::testing::internal::CaptureStderr();
    transport.reset();
    ::testing::internal::GetCapturedStderr();
}

}  // namespace
}  // namespace berth::volume
