// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/write_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <random>

namespace berth::volume {
namespace {

constexpr BootTime k_now = BootTime{std::chrono::hours(1)};
constexpr uint32_t k_all = UINT32_MAX;
constexpr uint64_t k_line = 1;

std::shared_ptr<const std::string> bytes_of(size_t size, char c = 'x') {
    return std::make_shared<const std::string>(size, c);
}

/// Sends and acknowledges all that may be sent.
void settle(WriteSet& set, const Verifier& verifier) {
    while (const Piece* piece = set.next(k_now)) {
        set.sent(*piece, k_all, k_line);
        set.written(*piece, {static_cast<uint32_t>(piece->size), false, verifier});
    }
}

/// The steps of: `n` writes, acknowledged, sent again because the verifier changed while some are on
/// their way, and committed; with a read of each place and a look at the flush each time.
uint64_t steps_of_a_changed_verifier(size_t n, size_t size) {
    WriteSet set;
    std::vector<uint64_t> offsets(n);
    std::iota(offsets.begin(), offsets.end(), 0);
    std::ranges::shuffle(offsets, std::minstd_rand(1));
    for (uint64_t at : offsets) set.add(set.take_id(), at * size, bytes_of(size), false, nullptr);
    settle(set, {'a'});
    set.committed(set.commit_mark(), {'b'});
    EXPECT_EQ(set.pending().size(), n);
    std::deque<const Piece*> out;
    for (size_t i = 0; i < n; i++) {
        const Piece* next = set.next(k_now);
        set.sent(*next, k_all, k_line);
        out.push_back(next);
        EXPECT_EQ(set.overlay(i * size, size).size(), 1u);
        EXPECT_FALSE(set.stable_up_to(n));
        if (out.size() < 32) continue;
        set.written(*out.front(), {static_cast<uint32_t>(size), false, {'b'}});
        out.pop_front();
    }
    for (const Piece* piece : out) set.unanswered(*piece, {});
    settle(set, {'b'});
    set.committed(set.commit_mark(), {'b'});
    EXPECT_TRUE(set.stable_up_to(n));
    return set.steps();
}

TEST(WriteSet, a_changed_verifier_costs_a_few_steps_for_each_piece) {
    for (size_t size : {512u, 4096u}) {
        EXPECT_LE(steps_of_a_changed_verifier(1000, size), 1000u * 30);
        EXPECT_LE(steps_of_a_changed_verifier(8000, size), 8000u * 30);
    }
}

TEST(WriteSet, one_large_write_over_many_small_ones_costs_a_few_steps_for_each) {
    for (size_t n : {1000u, 8000u}) {
        WriteSet set;
        for (size_t i = 0; i < n; i++) set.add(set.take_id(), i * 512, bytes_of(512), false, nullptr);
        set.add(set.take_id(), 0, bytes_of(n * 512, 'y'), false, nullptr);
        settle(set, {'a'});
        set.committed(set.commit_mark(), {'b'});
        EXPECT_EQ(set.pending().size(), 1u) << "the small ones are superseded";
        EXPECT_LE(set.steps(), n * 30);
    }
}

TEST(WriteSet, what_waits_behind_one_place_does_not_slow_down_another) {
    WriteSet set;
    for (int i = 0; i < 100; i++) set.add(set.take_id(), 0, bytes_of(4096), false, nullptr);
    const uint64_t before = set.steps();
    for (uint64_t i = 1; i <= 1000; i++) set.add(set.take_id(), i * 4096, bytes_of(4096), false, nullptr);
    set.sent(*set.next(k_now), k_all, k_line);
    for (uint64_t i = 1; i <= 1000; i++) {
        const Piece* piece = set.next(k_now);
        ASSERT_NE(piece, nullptr);
        EXPECT_EQ(piece->offset, i * 4096);
        set.sent(*piece, k_all, k_line);
    }
    EXPECT_EQ(set.next(k_now), nullptr);
    EXPECT_LE(set.steps() - before, 1000u * 10);
}

TEST(WriteSet, the_loss_of_a_line_leaves_alone_what_is_on_its_way_on_another) {
    WriteSet set;
    for (uint64_t i = 0; i < 3; i++) set.add(set.take_id(), i * 64, bytes_of(64), false, nullptr);
    for (uint64_t line : {1, 2, 1}) set.sent(*set.next(k_now), k_all, line);
    set.line_lost(1);
    for (const auto& [key, piece] : set.pending()) {
        EXPECT_EQ(piece.unresolved, piece.line == 1);
        EXPECT_EQ(piece.state, piece.line == 1 ? Piece::State::again : Piece::State::sending);
    }
    const Piece* again = set.next(k_now);
    ASSERT_NE(again, nullptr);
    set.sent(*again, k_all, 2);
    EXPECT_EQ(again->line, 2u);
    set.line_lost(1);
    EXPECT_EQ(again->state, Piece::State::sending) << "sent again on another";
}

/// What the header says, said again by walking over everything.
const Piece* next_by_walking(const WriteSet& set) {
    const Piece* best = nullptr;
    for (const auto& [key, piece] : set.pending()) {
        if (piece.state == Piece::State::sending || piece.due > k_now) continue;
        const bool blocked = std::ranges::any_of(set.pending(), [&piece](const auto& entry) {
            const Piece& other = entry.second;
            if (&other == &piece || other.offset >= piece.end() || piece.offset >= other.end()) return false;
            if (other.state == Piece::State::sending) return true;
            return other.unresolved != piece.unresolved ? other.unresolved : other.id < piece.id;
        });
        auto order = [](const Piece& p) { return std::tuple(p.due, p.id, p.offset); };
        if (!blocked && (!best || order(piece) < order(*best))) best = &piece;
    }
    return best;
}

TEST(WriteSet, sends_what_the_rule_says_in_random_runs) {
    for (unsigned seed = 1; seed <= 100; seed++) {
        std::minstd_rand random(seed);
        WriteSet set;
        Verifier verifier{'a'};
        for (int step = 0; step < 200; step++) {
            std::vector<const Piece*> sending;
            uint64_t again = 0;
            for (const auto& [key, piece] : set.pending()) {
                if (piece.state == Piece::State::sending) sending.push_back(&piece);
                if (piece.acknowledged) again += piece.size;
            }
            ASSERT_EQ(set.next(k_now), next_by_walking(set)) << "seed " << seed << " step " << step;
            ASSERT_EQ(set.uncommitted_bytes(), set.acked_bytes() + again);
            const uint64_t id = random() % (set.last_id() + 1);
            ASSERT_EQ(set.pending_up_to(id), std::ranges::any_of(set.pending(), [id](const auto& entry) {
                          return entry.second.guards <= id;
                      }));
            const Piece* one = sending.empty() ? nullptr : sending[random() % sending.size()];
            switch (random() % 8) {
                case 0:
                case 1:
                    set.add(set.take_id(), random() % 64, bytes_of(1 + random() % 40), false, nullptr);
                    break;
                case 2:
                case 3:
                    if (const Piece* next = set.next(k_now))
                        set.sent(*next, 1 + random() % 32, 1 + random() % 2);
                    break;
                case 4:
                case 5:
                    if (one)
                        set.written(*one, {static_cast<uint32_t>(1 + random() % one->size), random() % 8 == 0,
                                           verifier});
                    break;
                case 6:
                    if (!one) break;
                    if (random() % 2) {
                        set.unanswered(*one, random() % 2 ? k_now : BootTime{});
                    } else if (one->acknowledged || one->unresolved) {
                        set.refused(*one, random() % 2 ? k_now : k_now + std::chrono::hours(1));
                    } else {
                        set.drop(*one);
                    }
                    break;
                case 7:
                    switch (random() % 6) {
                        case 0:
                            set.line_lost(1 + random() % 2);
                            break;
                        case 1:
                            verifier[0]++;
                            break;
                        case 2:
                            set.commit_failed(set.commit_mark());
                            break;
                        case 3:
                            set.hurry(random() % 64, 1 + random() % 40);
                            break;
                        case 4:
                            set.forget(id);
                            break;
                        default:
                            set.committed(set.commit_mark(), verifier);
                    }
            }
        }
    }
}

}  // namespace
}  // namespace berth::volume
