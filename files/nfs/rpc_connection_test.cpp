// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/nfs/rpc_connection.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <optional>
#include <thread>

#include "tests/lib/black_hole.h"
#include "tests/testing/code_of.h"

namespace berth::files {
namespace {

using namespace std::chrono_literals;
using test::address_of;
using test::BlackHole;

/// A server that takes connections on 127.0.0.1, and whatever a resolver may say of its name. Nothing waits
/// for a clock here but the quarter of a second between two addresses.
struct ConnectTest : ::testing::Test {
    ConnectTest() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        listener.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(listen(listener.get(), 16), 0);
        EXPECT_EQ(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
        port = ntohs(address.sin_port);
    }
    ~ConnectTest() override { answer.set_value(); }
    LookUp finds(std::vector<std::string> numbers) {
        return [this, numbers](const std::string&) -> Result<std::vector<SocketAddress>> {
            look_ups++;
            std::vector<SocketAddress> found;
            for (const auto& n : numbers) found.push_back(address_of(n));
            return found;
        };
    }
    /// Answers when the test is over.
    LookUp hangs() {
        return [this, answered = answer.get_future().share()](
                   const std::string& name) -> Result<std::vector<SocketAddress>> {
            look_ups++;
            answered.wait();
            return fail(ErrorCode::M01, "{}", name);
        };
    }
    Result<std::unique_ptr<RpcConnection>> connect(ServerAddresses& server, Duration timeout = 20s,
                                                   const Interrupt& interrupt = {}) {
        const BootTime begin = clock.now();
        auto made = RpcConnection::connect(server, port, {}, timeout, interrupt);
        took = clock.now() - begin;
        return made;
    }

    SystemClock clock;
    UniqueFd listener;
    uint16_t port = 0;
    std::atomic<int> look_ups{0};
    std::promise<void> answer;
    Duration took{};
};

TEST_F(ConnectTest, a_first_address_that_swallows_everything_costs_a_moment_and_only_once) {
    BlackHole hole("127.0.0.2", port);
    ServerAddresses server("fs1.example", finds({"127.0.0.2", "127.0.0.1"}));
    auto made = connect(server);
    ASSERT_TRUE(made) << made.error().to_log();
    EXPECT_LT(took, 10s);
    EXPECT_EQ(server.known().front(), address_of("127.0.0.1")) << "the one that answered comes first now";
    ASSERT_TRUE(connect(server));
    EXPECT_LT(took, 250ms);
    EXPECT_EQ(look_ups, 1);
}

TEST_F(ConnectTest, a_first_address_that_refuses_costs_nothing) {
    ServerAddresses server("fs1.example", finds({"127.0.0.2", "127.0.0.1"}));
    EXPECT_TRUE(connect(server));
}

TEST_F(ConnectTest, needs_no_resolver_while_the_known_address_answers) {
    ServerAddresses server("fs1.example", hangs());
    server.answered(address_of("127.0.0.1"));
    EXPECT_TRUE(connect(server));
    EXPECT_EQ(look_ups, 0);
}

TEST_F(ConnectTest, asks_the_resolver_anew_when_the_known_address_answers_no_more) {
    ServerAddresses server("fs1.example", finds({"127.0.0.1"}));
    server.answered(address_of("127.0.0.2"));
    ASSERT_TRUE(connect(server)) << "which refuses";
    BlackHole hole("127.0.0.2", port);
    ServerAddresses moved("fs1.example", finds({"127.0.0.1"}));
    moved.answered(address_of("127.0.0.2"));
    ASSERT_TRUE(connect(moved)) << "which is silent";
    EXPECT_EQ(moved.known(), std::vector{address_of("127.0.0.1")});
}

TEST_F(ConnectTest, a_resolver_that_does_not_answer_ends_with_the_deadline) {
    ServerAddresses server("fs1.example", hangs());
    auto made = connect(server, 100ms);
    ASSERT_FALSE(made);
    EXPECT_EQ(code_of(made), "BERTH-M01") << made.error().to_log();
    EXPECT_LT(took, 10s);
    ASSERT_FALSE(connect(server, 10ms));
    EXPECT_EQ(look_ups, 1) << "one at a time";
}

TEST_F(ConnectTest, a_name_that_is_not_there_is_said_to_be) {
    ServerAddresses server("fs1.example", [](const std::string& name) -> Result<std::vector<SocketAddress>> {
        return fail(ErrorCode::M01, "{}: unknown", name);
    });
    auto made = connect(server);
    ASSERT_FALSE(made);
    EXPECT_EQ(code_of(made), "BERTH-M01");
}

TEST_F(ConnectTest, a_silent_server_ends_with_the_deadline) {
    BlackHole hole("127.0.0.2", port);
    ServerAddresses server("fs1.example", finds({"127.0.0.2"}));
    auto made = connect(server, 50ms);
    ASSERT_FALSE(made);
    EXPECT_EQ(code_of(made), "BERTH-M04") << made.error().to_log();
}

TEST_F(ConnectTest, an_interrupt_ends_it_whatever_it_waits_for) {
    UniqueFd event(eventfd(0, EFD_CLOEXEC));
    const uint64_t one = 1;
    ASSERT_EQ(write(event.get(), &one, sizeof one), 8);
    ServerAddresses nameless("fs1.example", hangs());
    EXPECT_EQ(code_of(connect(nameless, 20s, {event.get()})), "BERTH-L05");
    BlackHole hole("127.0.0.2", port);
    ServerAddresses silent("fs1.example", finds({"127.0.0.2"}));
    EXPECT_EQ(code_of(connect(silent, 20s, {event.get()})), "BERTH-L05");
    EXPECT_EQ(code_of(connect(silent, 20s, {-1, [] { return true; }})), "BERTH-L05");
}

TEST_F(ConnectTest, a_descriptor_that_is_readable_for_another_reason_ends_nothing) {
    UniqueFd event(eventfd(0, EFD_CLOEXEC));
    const uint64_t one = 1;
    ASSERT_EQ(write(event.get(), &one, sizeof one), 8);
    int asked = 0;
    BlackHole hole("127.0.0.2", port);
    ServerAddresses silent("fs1.example", finds({"127.0.0.2"}));
    auto made = connect(silent, 100ms, {event.get(), [&] { return asked++, false; }});
    ASSERT_FALSE(made);
    EXPECT_EQ(code_of(made), "BERTH-M04");
    EXPECT_LT(asked, 20) << "and nobody turns in circles";
}

TEST(SocketAddress, is_written_as_the_address_that_it_reaches) {
    const auto written = [](const char* name) { return ServerAddresses(name).known().at(0).text(); };
    EXPECT_EQ(written("10.0.0.1"), "10.0.0.1");
    EXPECT_EQ(written("FD00:0::1"), "fd00::1");
    EXPECT_EQ(written("fe80::1%lo"), "fe80::1");
    EXPECT_EQ(written("::ffff:10.0.0.1"), "10.0.0.1") << "connecting to it sends IPv4";
    EXPECT_EQ(SocketAddress().text(), "");
}

}  // namespace
}  // namespace berth::files
