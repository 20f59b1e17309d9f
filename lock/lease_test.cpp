// SPDX-License-Identifier: GPL-3.0-or-later
#include "lock/lease.h"

#include <gtest/gtest.h>

#include "lock/record.h"
#include "tests/testing/fake_clock.h"

namespace berth::lock {
namespace {

using namespace std::chrono_literals;

struct LeaseTest : ::testing::Test {
    FakeClock clock;
    LockTimes times;
    Lease lease{clock, times.hold};
    void renew() {
        const uint64_t begun = lease.begin_renewal();
        lease.renewed(clock.now(), begun);
    }
};

TEST_F(LeaseTest, allows_nothing_before_the_first_good_renewal) {
    EXPECT_FALSE(lease.may_send());
    renew();
    EXPECT_TRUE(lease.may_send());
}

TEST_F(LeaseTest, counts_from_before_the_write_and_not_from_the_answer) {
    const BootTime before_write = clock.now();
    const uint64_t begun = lease.begin_renewal();
    clock.advance(20s);
    lease.renewed(before_write, begun);
    clock.advance(39s);
    EXPECT_TRUE(lease.may_send());
    clock.advance(1s);
    EXPECT_FALSE(lease.may_send());
}

TEST_F(LeaseTest, stops_writing_before_a_breaker_may_start) {
    // Whoever breaks waits take_over after its LINK; a renewal that still saw no higher lock began its WRITE
    // before that LINK.
    renew();
    const BootTime link = clock.now();
    while (lease.may_send()) clock.advance(1s);
    EXPECT_LT(clock.now() - link, times.take_over);
}

TEST_F(LeaseTest, an_answer_that_came_too_late_gives_nothing) {
    const BootTime before_write = clock.now();
    const uint64_t begun = lease.begin_renewal();
    clock.advance(times.hold);
    lease.renewed(before_write, begun);
    EXPECT_FALSE(lease.may_send());
}

TEST_F(LeaseTest, a_lost_connection_stops_writes_until_a_renewal_begun_after_it) {
    renew();
    const uint64_t begun_before = lease.begin_renewal();
    lease.connection_lost();
    EXPECT_FALSE(lease.may_send());
    lease.renewed(clock.now(), begun_before);
    EXPECT_FALSE(lease.may_send()) << "that renewal was begun before the loss";
    renew();
    EXPECT_TRUE(lease.may_send());
}

TEST_F(LeaseTest, comes_back_after_a_lapse_by_the_same_renewal) {
    renew();
    clock.advance(10min);
    EXPECT_FALSE(lease.may_send());
    renew();
    EXPECT_TRUE(lease.may_send());
}

TEST_F(LeaseTest, never_comes_back_once_the_lock_is_somebody_elses) {
    renew();
    lease.lose_for_good();
    EXPECT_FALSE(lease.may_send());
    renew();
    EXPECT_FALSE(lease.may_send());
    EXPECT_TRUE(lease.lost_for_good());
}

TEST_F(LeaseTest, an_older_renewal_answered_last_does_not_shorten_it) {
    const BootTime older = clock.now();
    clock.advance(10s);
    renew();
    lease.renewed(older, lease.begin_renewal());
    clock.advance(55s);
    EXPECT_TRUE(lease.may_send());
}

TEST_F(LeaseTest, a_claim_leaves_what_is_left_and_nothing_more) {
    renew();
    clock.advance(10s);
    lease.claimed();
    EXPECT_TRUE(lease.may_send());
    EXPECT_FALSE(lease.lost_for_good());
    EXPECT_EQ(lease.left(), 50s);
    renew();
    EXPECT_EQ(lease.left(), 50s) << "no renewal lengthens a claimed lease";
    clock.advance(50s - 1ms);
    EXPECT_TRUE(lease.may_send());
    clock.advance(1ms);
    EXPECT_FALSE(lease.may_send());
    EXPECT_EQ(lease.left(), 0s);
    EXPECT_TRUE(lease.ended());
    EXPECT_TRUE(lease.lost_for_good());
}

TEST_F(LeaseTest, a_claimed_one_is_lost_with_a_connection_that_may_carry_a_write) {
    renew();
    lease.claimed();
    lease.connection_lost();
    EXPECT_FALSE(lease.may_send());
    EXPECT_TRUE(lease.lost_for_good()) << "the renewal that would give it back cannot come";
    EXPECT_EQ(lease.left(), 0s);
}

TEST_F(LeaseTest, a_claim_seen_while_a_write_may_be_on_its_way_is_a_loss) {
    renew();
    lease.connection_lost();
    lease.claimed();
    EXPECT_TRUE(lease.lost_for_good()) << "the renewal that would have given it back saw the claim";
}

TEST_F(LeaseTest, a_claim_seen_after_its_end_is_a_loss) {
    renew();
    clock.advance(2min);
    lease.claimed();
    EXPECT_TRUE(lease.lost_for_good());
}

}  // namespace
}  // namespace berth::lock
