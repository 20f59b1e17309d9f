// SPDX-License-Identifier: GPL-3.0-or-later
// What the writes of all disks hold together is bounded (write_memory.h).
#include <cerrno>

#include "tests/testing/nfs_disk_fixture.h"

namespace berth::volume {
namespace {

using namespace std::chrono_literals;
constexpr int k_nfs_nospc = 28;
constexpr uint64_t k_buffer = 64 + WriteMemory::k_overhead;

/// There is memory for four writes of 64 bytes.
struct WriteMemoryTest : NfsDiskTest {
    WriteMemoryTest() {
        settings.commit_every = 1 << 20;
        disk.emplace("file", k_disk_size, lease, clock, small, settings);
        disk->line_up(server);
    }
    /// Writes and has it answered.
    void put(uint64_t offset, size_t size = 64) {
        auto w = write(offset, std::string(size, 'x'));
        answer();
        ASSERT_EQ(w->error, 0);
    }
    void fill() {
        for (uint64_t i = 0; i < 4; i++) put(i * 64);
    }
    WriteMemory small{4 * k_buffer};
};

TEST_F(WriteMemoryTest, a_new_write_waits_for_memory_and_a_commit_is_forced) {
    fill();
    ASSERT_TRUE(server.calls.empty());
    auto more = write(4096, "y");
    EXPECT_EQ(small.held(), 4 * k_buffer);
    ASSERT_EQ(server.calls.size(), 1u);
    EXPECT_EQ(server.calls[0].kind, FakeTransport::Call::Kind::commit);
    answer();
    ASSERT_EQ(writes_out(), 1u);
    answer();
    EXPECT_EQ(more->error, 0);
}

TEST_F(WriteMemoryTest, reads_go_on_without_memory) {
    fill();
    write(4096, "y");
    auto r = read(0, 1);
    ASSERT_EQ(server.calls.size(), 2u);
    answer(1);
    EXPECT_EQ(r->buffer, "x");
}

TEST_F(WriteMemoryTest, a_write_that_finds_no_memory_fails_after_its_time_and_is_forgotten) {
    fill();
    auto late = write(4096, "y");
    clock.advance(15s);
    lease.renewed(clock.now(), lease.begin_renewal());
    disk->step();
    EXPECT_EQ(late->error, EIO);
    EXPECT_FALSE(small.wanted());
    settle();
    EXPECT_EQ(writes_out(), 0u);
    put(4096);
}

TEST_F(WriteMemoryTest, a_small_rest_counts_as_the_buffer_that_it_keeps) {
    put(0);
    put(1, 63);
    EXPECT_EQ(small.held(), 64 + 63 + 2 * WriteMemory::k_overhead) << "one byte of the first is left";
    put(0, 1);
    EXPECT_EQ(small.held(), 63 + 1 + 2 * WriteMemory::k_overhead);
}

TEST_F(WriteMemoryTest, what_a_commit_made_stable_holds_no_memory) {
    fill();
    auto f = flush();
    settle();
    EXPECT_EQ(f->error, 0);
    EXPECT_EQ(small.held(), 0u);
}

TEST_F(WriteMemoryTest, what_a_read_lays_over_counts_until_it_is_answered) {
    put(0);
    read(0, 64);
    flush();
    ASSERT_EQ(server.calls.size(), 2u);
    answer(1);  // COMMIT
    EXPECT_EQ(small.held(), k_buffer);
    answer();
    EXPECT_EQ(small.held(), 0u);
}

TEST_F(WriteMemoryTest, a_write_larger_than_all_memory_goes_alone) {
    put(0);
    auto large = write(64, std::string(4096, 'y'));
    EXPECT_EQ(writes_out(), 0u);
    settle();
    EXPECT_EQ(large->error, 0);
}

TEST_F(WriteMemoryTest, a_flush_covers_a_write_that_waited_for_memory) {
    fill();
    auto more = write(4096, "y");
    auto f = flush();
    answer();  // COMMIT
    EXPECT_FALSE(f->error);
    settle();
    EXPECT_EQ(more->error, 0);
    EXPECT_EQ(f->error, 0);
    EXPECT_EQ(server.disk.size(), 4097u);
}

TEST_F(WriteMemoryTest, what_is_refused_stays_within_it) {
    for (uint64_t i = 0; i < 8; i++) write(i * 64, std::string(64, 'x'));
    ASSERT_EQ(writes_out(), 4u);
    server.lose();
    reconnect();
    while (writes_out()) {
        server.refuse(0, k_nfs_nospc);
        disk->step();
    }
    for (int i = 0; i < 10; i++) {
        write(0, std::string(64, 'x'));
        clock.advance(15s);
        lease.renewed(clock.now(), lease.begin_renewal());
        disk->step();
        while (writes_out()) {
            server.refuse(0, k_nfs_nospc);
            disk->step();
        }
        EXPECT_LE(small.held(), 4 * k_buffer);
    }
    clock.advance(1s);
    disk->step();
    auto w = write(1024, "y");
    settle();
    EXPECT_EQ(w->error, 0) << "what the server takes at last makes room";
}

struct TwoDisks : WriteMemoryTest {
    TwoDisks() {
        second.emplace("other", k_disk_size, lease, clock, small, settings);
        second->line_up(other_server);
    }
    std::shared_ptr<Asked> write_second(uint64_t offset, const std::string& data) {
        return ask(BlockRequest::Kind::write, offset, data.size(), data, false, &*second);
    }
    void answer_second() {
        other_server.answer();
        second->step();
    }
    FakeTransport other_server;
    std::optional<NfsDisk> second;
};

TEST_F(TwoDisks, share_one_memory_and_one_commits_for_the_other) {
    fill();
    auto w = write_second(0, "b");
    EXPECT_TRUE(other_server.calls.empty());
    disk->step();
    ASSERT_EQ(server.calls.size(), 1u);
    EXPECT_EQ(server.calls[0].kind, FakeTransport::Call::Kind::commit);
    answer();
    second->step();
    ASSERT_EQ(other_server.calls.size(), 1u);
    answer_second();
    EXPECT_EQ(w->error, 0);
}

TEST_F(TwoDisks, get_memory_in_the_order_in_which_they_asked) {
    fill();
    auto large = write_second(0, std::string(2 * k_buffer, 'b'));
    auto small_one = write(4096, "y");
    EXPECT_EQ(writes_out(), 0u);
    settle();
    EXPECT_FALSE(small_one->error) << "the first in the line has not been served";
    second->step();
    disk->step();
    settle();
    EXPECT_EQ(small_one->error, 0);
    while (!other_server.calls.empty()) answer_second();
    EXPECT_EQ(large->error, 0);
}

TEST_F(TwoDisks, one_refused_write_does_not_hold_up_the_other_disk) {
    write(0, "a");
    server.lose();
    reconnect();
    server.refuse(0, k_nfs_nospc);
    disk->step();
    auto w = write_second(0, "b");
    ASSERT_EQ(other_server.calls.size(), 1u);
    answer_second();
    EXPECT_EQ(w->error, 0);
}

TEST_F(TwoDisks, share_what_connections_may_copy_but_each_may_send_one) {
    WriteMemory narrow{1 << 20, 100};
    disk.emplace("file", k_disk_size, lease, clock, narrow, settings);
    second.emplace("other", k_disk_size, lease, clock, narrow, settings);
    disk->line_up(server);
    second->line_up(other_server);
    write(0, std::string(128, 'a'));
    EXPECT_EQ(writes_out(), 1u);
    write_second(0, std::string(128, 'b'));
    EXPECT_EQ(other_server.calls.size(), 1u);
    answer();
    EXPECT_EQ(writes_out(), 1u);
    answer();
    answer_second();
    answer_second();
    EXPECT_EQ(server.memory, std::string(128, 'a'));
    EXPECT_EQ(other_server.memory, std::string(128, 'b'));
}

}  // namespace
}  // namespace berth::volume
