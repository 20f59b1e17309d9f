// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/nfs_disk.h"

#include <cerrno>
#include <random>

#include "tests/testing/nfs_disk_fixture.h"
#include "volume/core/nfs_errno.h"

namespace berth::volume {
namespace {

using namespace std::chrono_literals;
constexpr int k_nfs_nospc = 28, k_nfs_rofs = 30, k_nfs_dquot = 69;

TEST_F(NfsDiskTest, acknowledges_a_write_when_the_server_has_all_of_it) {
    auto w = write(0, std::string(100, 'a'));
    ASSERT_EQ(server.calls.size(), 2u) << "split at what the server takes";
    answer(1);
    EXPECT_FALSE(w->error);
    answer(0);
    EXPECT_EQ(w->error, 0);
    EXPECT_EQ(server.memory, std::string(100, 'a'));
}

TEST_F(NfsDiskTest, sends_the_rest_of_a_short_write) {
    auto w = write(0, "abcdef");
    answer(0, 2);
    EXPECT_FALSE(w->error);
    ASSERT_EQ(server.calls.size(), 1u);
    EXPECT_EQ(server.calls[0].data, "cdef");
    answer();
    EXPECT_EQ(w->error, 0);
    EXPECT_EQ(server.memory, "abcdef");
}

TEST_F(NfsDiskTest, goes_on_after_a_short_read_and_fills_up_with_zeros_behind_the_end) {
    server.memory = "abcdef";
    auto r = read(0, 10);
    answer(0, 2);
    EXPECT_FALSE(r->error);
    answer();
    EXPECT_EQ(r->error, 0);
    EXPECT_EQ(r->buffer, std::string("abcdef\0\0\0\0", 10));
}

TEST_F(NfsDiskTest, an_empty_answer_that_is_not_the_end_of_the_file_is_no_zeros) {
    server.memory = "abcdef";
    auto r = read(0, 6);
    answer(0, 0);
    EXPECT_EQ(r->error, EIO);
}

TEST_F(NfsDiskTest, flush_is_answered_only_after_a_commit_with_the_writes_verifier) {
    write(0, "abc");
    answer();
    auto f = flush();
    ASSERT_EQ(server.calls.size(), 1u);
    EXPECT_FALSE(f->error);
    answer();
    EXPECT_EQ(f->error, 0);
    EXPECT_EQ(server.disk, "abc");
}

TEST_F(NfsDiskTest, flush_with_nothing_to_commit_sends_nothing) {
    EXPECT_EQ(flush()->error, 0);
    EXPECT_TRUE(server.calls.empty());
}

TEST_F(NfsDiskTest, a_changed_verifier_sends_the_writes_again_before_flush_is_answered) {
    write(0, "abc");
    answer();
    server.restart();
    auto f = flush();
    answer();  // COMMIT by the new instance
    EXPECT_FALSE(f->error);
    ASSERT_EQ(server.calls.size(), 1u);
    EXPECT_EQ(server.calls[0].data, "abc");
    answer();
    ASSERT_EQ(server.calls.size(), 1u);
    answer();
    EXPECT_EQ(f->error, 0);
    EXPECT_EQ(server.disk, "abc");
}

TEST_F(NfsDiskTest, reads_what_was_acknowledged_even_after_the_server_forgot_it) {
    write(0, "abc");
    answer();
    server.restart();
    auto r = read(0, 3);
    answer();
    EXPECT_EQ(r->buffer, "abc");
}

TEST_F(NfsDiskTest, an_older_write_sent_again_does_not_cover_a_newer_one) {
    write(0, "aaaaaa");
    answer();
    server.restart();
    write(2, "bb");
    answer();
    auto f = flush();
    settle();
    EXPECT_EQ(f->error, 0);
    EXPECT_EQ(server.disk, "aabbaa");
}

TEST_F(NfsDiskTest, a_newer_write_under_way_while_a_commit_fails_is_not_covered_either) {
    write(0, "aaaaaa");
    answer();
    auto f = flush();         // COMMIT is on its way
    auto w = write(2, "bb");  // and so is this
    ASSERT_EQ(server.calls.size(), 2u);
    server.restart();
    answer(0);  // COMMIT: other verifier, the old write must be sent again
    EXPECT_EQ(writes_out(), 1u) << "not while newer data for the same place is on its way";
    settle();
    EXPECT_EQ(f->error, 0);
    EXPECT_EQ(w->error, 0);
    auto last = flush();
    settle();
    EXPECT_EQ(last->error, 0);
    EXPECT_EQ(server.disk, "aabbaa");
}

TEST_F(NfsDiskTest, an_unknown_outcome_is_resolved_before_different_data_goes_to_the_same_place) {
    auto first = write(0, "aaaa");
    clock.advance(15s);
    disk->step();
    EXPECT_EQ(first->error, EIO);
    auto second = write(2, "bbbb");
    auto beside = write(100, "cc");
    EXPECT_EQ(writes_out(), 2u) << "the first and the one beside";
    server.lose();
    reconnect();
    ASSERT_EQ(writes_out(), 2u);
    EXPECT_EQ(server.calls[0].data, "aaaa") << "the same data again";
    EXPECT_EQ(server.calls[1].data, "cc");
    settle();
    EXPECT_EQ(second->error, 0);
    EXPECT_EQ(beside->error, 0);
    EXPECT_EQ(server.memory.substr(0, 6), "aabbbb");
}

TEST_F(NfsDiskTest, overlapping_writes_go_one_after_the_other) {
    write(0, "aaaa");
    write(2, "bbbb");
    EXPECT_EQ(server.calls.size(), 1u);
    settle();
    EXPECT_EQ(server.memory, "aabbbb");
}

TEST_F(NfsDiskTest, fua_is_one_stable_write) {
    auto w = write(0, "abc", true);
    ASSERT_EQ(server.calls.size(), 1u);
    EXPECT_TRUE(server.calls[0].stable);
    answer();
    EXPECT_EQ(w->error, 0);
    EXPECT_EQ(server.disk, "abc");
    EXPECT_EQ(flush()->error, 0);
}

TEST_F(NfsDiskTest, commits_by_itself_after_so_many_bytes) {
    for (int i = 0; i < 4; i++) {
        write(i * 64, std::string(64, 'x'));
        answer();
    }
    ASSERT_EQ(server.calls.size(), 1u);
    EXPECT_EQ(server.calls[0].kind, FakeTransport::Call::Kind::commit);
    answer();
    EXPECT_EQ(disk->counters().uncommitted, 0u);
}

TEST_F(NfsDiskTest, sends_no_write_without_the_lease_but_reads) {
    lease.connection_lost();
    auto w = write(0, "abc");
    auto r = read(0, 1);
    EXPECT_EQ(writes_out(), 0u);
    settle();
    EXPECT_EQ(r->error, 0);
    lease.renewed(clock.now(), lease.begin_renewal());
    disk->step();
    settle();
    EXPECT_EQ(w->error, 0);
}

TEST_F(NfsDiskTest, asks_the_lease_before_each_batch) {
    write(0, "abc");
    settle();
    clock.advance(60s);
    write(8, "def");
    EXPECT_EQ(writes_out(), 0u);
}

TEST_F(NfsDiskTest, a_write_that_was_never_sent_is_forgotten_when_it_times_out) {
    lease.connection_lost();
    auto w = write(0, "old");
    clock.advance(15s);
    disk->step();
    EXPECT_EQ(w->error, EIO);
    lease.renewed(clock.now(), lease.begin_renewal());
    disk->step();
    EXPECT_TRUE(server.calls.empty());
}

TEST_F(NfsDiskTest, fails_everything_when_the_lock_is_lost_for_good) {
    auto w = write(0, "abc");
    lease.lose_for_good();
    disk->step();
    EXPECT_EQ(w->error, EIO);
    EXPECT_EQ(read(0, 1)->error, EIO);
    EXPECT_EQ(write(0, "x")->error, EIO);
    EXPECT_EQ(flush()->error, EIO);
}

TEST_F(NfsDiskTest, an_answer_after_the_timeout_touches_no_buffer) {
    server.memory = "abc";
    auto r = read(0, 3);
    clock.advance(15s);
    disk->step();
    EXPECT_EQ(r->error, EIO);
    answer();
    EXPECT_EQ(r->buffer, "???");
}

TEST_F(NfsDiskTest, no_space_is_told_as_no_space) {
    auto w = write(0, "abc");
    server.refuse(0, k_nfs_nospc);
    EXPECT_EQ(w->error, ENOSPC);
    disk->step();
    EXPECT_EQ(flush()->error, 0) << "nothing of it is left";
}

TEST_F(NfsDiskTest, what_was_acknowledged_is_kept_when_the_server_refuses_it_again) {
    write(0, "abc");
    answer();
    server.restart();
    auto f = flush();
    answer();
    server.refuse(0, k_nfs_nospc);
    disk->step();
    EXPECT_EQ(f->error, ENOSPC);
    clock.advance(2s);
    auto again = flush();
    settle();
    EXPECT_EQ(again->error, 0);
    EXPECT_EQ(server.disk, "abc");
}

TEST_F(NfsDiskTest, a_failed_commit_fails_the_flush_and_the_writes_are_sent_again) {
    write(0, "abc");
    answer();
    auto f = flush();
    server.refuse(0, k_nfs_io);
    disk->step();
    EXPECT_EQ(f->error, EIO);
    clock.advance(2s);
    auto again = flush();
    disk->step();
    EXPECT_EQ(writes_out(), 1u);
    settle();
    EXPECT_EQ(again->error, 0);
    EXPECT_EQ(server.disk, "abc");
}

TEST_F(NfsDiskTest, sends_a_write_again_only_after_a_pause_when_told_to_try_later) {
    auto w = write(0, "abc");
    server.refuse(0, k_nfs_jukebox);
    disk->step();
    EXPECT_TRUE(server.calls.empty());
    clock.advance(1s);
    disk->step();
    settle();
    EXPECT_EQ(w->error, 0);
}

/// The first copy may still be in the server: what refuses the second one says nothing about it.
TEST_F(NfsDiskTest, a_refused_resend_resolves_nothing) {
    for (int status : {k_nfs_rofs, k_nfs_nospc, k_nfs_dquot, k_nfs_io}) {
        const uint64_t at = 64 * static_cast<uint64_t>(status);
        auto first = write(at, "aaaa");
        server.lose();
        reconnect();
        ASSERT_EQ(writes_out(), 1u);
        server.refuse(0, status);
        disk->step();
        EXPECT_EQ(first->error, nfs_errno(status)) << "the guest is told";
        auto other = write(at + 2, "bb");
        EXPECT_FALSE(other->error);
        for (const auto& call : server.calls) EXPECT_EQ(call.data, "aaaa") << "no different data before";
        clock.advance(2s);
        disk->step();
        ASSERT_EQ(server.calls.size(), 1u);
        EXPECT_EQ(server.calls[0].data, "aaaa");
        settle();
        EXPECT_EQ(other->error, 0);
        EXPECT_EQ(server.memory.substr(at, 4), "aabb");
    }
}

TEST_F(NfsDiskTest, no_flush_succeeds_while_a_refused_write_may_still_arrive) {
    write(0, "aaaa");
    server.lose();
    reconnect();
    auto waiting = flush();
    server.refuse(0, k_nfs_dquot);
    disk->step();
    EXPECT_EQ(waiting->error, ENOSPC);
    auto later = flush();
    disk->step();
    EXPECT_FALSE(later->error);
    clock.advance(2s);
    disk->step();
    settle();
    EXPECT_EQ(later->error, 0);
    EXPECT_EQ(server.disk, "aaaa");
}

/// QEMU repeats what failed (werror=stop).
TEST_F(NfsDiskTest, the_repeat_of_a_refused_write_is_answered_as_its_resend_is) {
    write(0, "aaaa");
    server.lose();
    reconnect();
    server.refuse(0, k_nfs_nospc);
    disk->step();
    for (int i = 0; i < 3; i++) {
        auto again = write(0, "aaaa");
        ASSERT_EQ(writes_out(), 1u) << "tried at once, for the guest waits";
        server.refuse(0, k_nfs_nospc);
        disk->step();
        EXPECT_EQ(again->error, ENOSPC) << "at once, not after the request's time";
        EXPECT_TRUE(server.calls.empty());
    }
    auto last = write(0, "aaaa");
    settle();
    EXPECT_EQ(last->error, 0);
    EXPECT_EQ(server.memory, "aaaa");
}

/// A is to be sent again, B over it may still arrive: A after it would be different data.
TEST_F(NfsDiskTest, an_older_write_is_not_sent_again_over_a_newer_one_of_unknown_outcome) {
    write(0, "aaaaaa");
    answer();
    auto f = flush();
    write(2, "bb");
    ASSERT_EQ(server.calls.size(), 2u);
    server.restart();
    answer(0);  // COMMIT: another verifier
    server.lose();
    reconnect();
    ASSERT_EQ(writes_out(), 1u);
    EXPECT_EQ(server.calls[0].data, "bb");
    settle();
    EXPECT_EQ(f->error, 0);
    EXPECT_EQ(server.disk, "aabbaa");
}

TEST_F(NfsDiskTest, what_waits_to_be_sent_again_counts_as_uncommitted) {
    write(0, "abc");
    answer();
    disk->step();
    EXPECT_EQ(disk->counters().uncommitted, 3u);
    server.restart();
    flush();
    answer();  // COMMIT: another verifier
    EXPECT_EQ(disk->counters().uncommitted, 3u) << "on its way again";
    server.lose();
    disk->line_lost(server);
    disk->step();
    EXPECT_EQ(disk->counters().uncommitted, 3u) << "no connection";
    disk->line_up(server);
    server.refuse(0, k_nfs_nospc);
    disk->step();
    EXPECT_EQ(disk->counters().uncommitted, 3u) << "refused";
    clock.advance(2s);
    disk->step();
    flush();
    settle();
    EXPECT_EQ(disk->counters().uncommitted, 0u);
}

TEST_F(NfsDiskTest, a_write_that_nobody_was_told_of_is_not_uncommitted) {
    write(0, "abc");
    server.lose();
    disk->line_lost(server);
    disk->step();
    EXPECT_EQ(disk->counters().uncommitted, 0u);
}

TEST_F(NfsDiskTest, one_refused_write_does_not_hold_up_reads_and_other_writes) {
    for (int status : {k_nfs_nospc, k_nfs_jukebox}) {
        const std::string place(4, static_cast<char>('a' + status % 26));
        write(0, place);
        answer();
        server.restart();
        flush();
        answer();  // COMMIT: another verifier, it is sent again
        ASSERT_EQ(writes_out(), 1u);
        server.refuse(0, status);
        disk->step();
        ASSERT_TRUE(server.calls.empty()) << "it waits";
        auto r = read(0, 4);
        auto w = write(100, "bb");
        ASSERT_EQ(server.calls.size(), 2u);
        answer();
        answer();
        EXPECT_EQ(r->error, 0);
        EXPECT_EQ(r->buffer, place);
        EXPECT_EQ(w->error, 0);
        clock.advance(2s);
        disk->step();
        flush();
        settle();
    }
}

TEST_F(NfsDiskTest, a_read_that_is_told_to_wait_does_not_hold_up_the_others) {
    server.memory = "abcdef";
    auto first = read(0, 3);
    server.refuse(0, k_nfs_jukebox);
    auto second = read(3, 3);
    auto w = write(100, "bb");
    ASSERT_EQ(server.calls.size(), 2u);
    settle();
    EXPECT_EQ(second->buffer, "def");
    EXPECT_EQ(w->error, 0);
    EXPECT_FALSE(first->error);
    clock.advance(1s);
    disk->step();
    settle();
    EXPECT_EQ(first->buffer, "abc");
}

TEST_F(NfsDiskTest, a_refused_commit_does_not_hold_up_reads_and_writes) {
    write(0, "abc");
    answer();
    flush();
    server.refuse(0, k_nfs_jukebox);
    disk->step();
    read(0, 1);
    write(100, "bb");
    EXPECT_EQ(server.calls.size(), 2u);
}

/// Each is on its own: what is behind many that wait is found.
TEST_F(NfsDiskTest, many_blocked_writes_do_not_hide_one_that_may_go) {
    write(0, "a");
    for (int i = 0; i < 500; i++) write(0, "b");
    write(100, "c");
    EXPECT_EQ(writes_out(), 2u);
}

TEST_F(NfsDiskTest, what_is_refused_again_and_again_is_tried_a_few_at_a_time) {
    for (int i = 0; i < 20; i++) write(i * 4, "abcd");
    while (writes_out()) answer();
    ASSERT_EQ(disk->counters().uncommitted, 80u);
    server.restart();
    flush();
    answer();
    ASSERT_EQ(writes_out(), 20u);
    while (writes_out()) {
        server.refuse(0, k_nfs_nospc);
        disk->step();
    }
    for (int second = 0; second < 5; second++) {
        clock.advance(1s);
        disk->step();
        ASSERT_EQ(writes_out(), 4u);
        while (writes_out()) {
            server.refuse(0, k_nfs_nospc);
            disk->step();
        }
    }
    clock.advance(1s);
    disk->step();
    auto f = flush();
    settle();
    EXPECT_EQ(f->error, 0) << "each that is accepted brings two more";
    EXPECT_EQ(server.disk.size(), 80u);
}

/// Random requests, answers, losses and restarts: what a flush covered is on the server's disk, and every
/// read is what was acknowledged last.
TEST_F(NfsDiskTest, never_loses_or_invents_a_byte_in_random_runs) {
    for (unsigned seed = 0; seed < 300; seed++) {
        std::minstd_rand random(seed);
        auto chance = [&](unsigned n) { return random() % n == 0; };
        server.calls.clear();
        server.memory.clear();
        server.disk.clear();
        server.verifier = {'v'};
        server.memory = server.disk = std::string(512, '.');
        disk.emplace("file", k_disk_size, lease, clock, memory, settings);
        disk->line_up(server);
        // One request at a time for each of four areas, as a guest with a queue of four does it.
        std::string model(512, '.');
        struct Area {
            std::shared_ptr<Asked> asked;
            uint64_t offset = 0;
            std::string data, expected;
            bool reading = false;
        } areas[4];
        for (int step = 0; step < 300; step++) {
            lease.renewed(clock.now(), lease.begin_renewal());
            auto& area = areas[random() % 4];
            const uint64_t base = (&area - areas) * 128;
            if (!area.asked) {
                const uint64_t offset = base + random() % 64;
                const uint32_t count = 1 + random() % 64;
                area.reading = chance(3);
                area.offset = offset;
                if (area.reading) {
                    area.expected = model.substr(offset, count);
                    area.asked = read(offset, count);
                } else {
                    area.data = std::string(count, static_cast<char>('a' + random() % 26));
                    area.asked = write(offset, area.data, chance(8));
                }
            }
            if (!server.calls.empty())
                server.answer(random() % server.calls.size(), chance(4) ? 1 + random() % 8 : UINT32_MAX);
            if (chance(25)) {
                server.lose(chance(2));
                if (chance(2)) server.restart();
                reconnect();
            } else if (chance(40)) {
                server.restart();  // unnoticed, a take-over by another head
            }
            disk->step();
            for (auto& a : areas) {
                if (!a.asked || !a.asked->error) continue;
                ASSERT_EQ(*a.asked->error, 0);
                if (a.reading) {
                    ASSERT_EQ(a.asked->buffer, a.expected) << "seed " << seed << " step " << step;
                } else {
                    model.replace(a.offset, a.data.size(), a.data);
                }
                a.asked.reset();
            }
        }
        for (int i = 0; i < 100 && !server.calls.empty(); i++) answer();
        for (auto& a : areas)
            if (a.asked && !a.reading && a.asked->error == 0) model.replace(a.offset, a.data.size(), a.data);
        auto f = flush();
        settle();
        ASSERT_EQ(f->error, 0) << "seed " << seed;
        server.restart();
        ASSERT_EQ(server.memory, model) << "seed " << seed;
    }
}

struct TwoLines : NfsDiskTest {
    TwoLines() {
        other.memory = std::string(256, 'm');
        disk->line_up(other);
    }
    std::shared_ptr<FakeStorage> storage = std::make_shared<FakeStorage>();
    FakeTransport other{storage};
};

TEST_F(TwoLines, share_what_is_sent) {
    write(0, "a");
    write(64, "b");
    read(128, 1);
    read(192, 1);
    EXPECT_EQ(server.calls.size(), 2u);
    EXPECT_EQ(other.calls.size(), 2u);
}

TEST_F(TwoLines, give_the_next_call_to_the_one_that_has_answered) {
    for (uint64_t i = 0; i < 4; i++) read(i, 1);
    for (int i = 0; i < 2; i++) other.answer();
    for (uint64_t i = 0; i < 2; i++) read(i, 1);
    EXPECT_EQ(server.calls.size(), 2u);
    EXPECT_EQ(other.calls.size(), 2u);
}

TEST_F(TwoLines, the_loss_of_one_disturbs_nothing_on_the_other) {
    auto a = write(0, "a");
    auto b = write(64, "b");
    auto r = read(128, 1);
    ASSERT_EQ(server.calls.size(), 2u);
    ASSERT_EQ(other.calls.size(), 1u);
    disk->line_lost(server);
    server.lose();
    disk->step();
    EXPECT_FALSE(b->error);
    ASSERT_EQ(other.calls.size(), 3u) << "b as it was, and a and the read again";
    EXPECT_EQ(other.calls[0].data, "b");
    other.answer_all();
    EXPECT_EQ(a->error, 0);
    EXPECT_EQ(b->error, 0);
    EXPECT_EQ(r->error, 0);
    EXPECT_EQ(other.memory.substr(0, 65), "a" + std::string(63, 'm') + "b");
}

TEST_F(TwoLines, a_loss_that_is_told_late_is_not_taken_for_that_of_the_copy_on_the_other) {
    auto a = write(0, "a");
    disk->line_lost(server);
    disk->step();
    ASSERT_EQ(other.calls.size(), 1u);
    server.lose();
    disk->step();
    EXPECT_EQ(other.calls.size(), 1u) << "not sent a third time";
    other.answer();
    EXPECT_EQ(a->error, 0);
}

}  // namespace
}  // namespace berth::volume
