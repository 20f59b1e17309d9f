// SPDX-License-Identifier: GPL-3.0-or-later
#include "net/admission.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/testing/fake_clock.h"

namespace berth::net {
namespace {

using std::chrono::seconds;
using Ids = std::vector<Admission::Id>;

class AdmissionTest : public testing::Test {
  protected:
    /// Opens one a second later than the last; which must end for it is in `ended`.
    Admission::Id open(const std::string& address) {
        clock.advance(seconds(1));
        const auto opened = table.opened(address, clock.now());
        ended = opened.end;
        return opened.id;
    }
    FakeClock clock;
    Admission table{{.connections = 4, .per_address = 3, .reserve = 2, .patience = seconds(10)}};
    Ids ended;
};

TEST_F(AdmissionTest, at_an_addresss_limit_its_own_oldest_incomplete_one_goes) {
    const auto other = open("b");
    const auto first = open("a"), second = open("a");
    open("a");
    EXPECT_EQ(ended, Ids());
    table.completed(first);
    open("a");
    EXPECT_EQ(ended, Ids{second}) << "not the one that is being answered, nor another's, " << other;
}

TEST_F(AdmissionTest, at_the_limit_the_oldest_incomplete_one_of_all_goes) {
    const auto first = open("a"), second = open("b");
    open("b"), open("c");
    table.completed(first);
    open("d");
    EXPECT_EQ(ended, Ids{second});
    table.answered(first, clock.now());  // younger than all others now, but the new one
    open("e");
    EXPECT_NE(ended, Ids{first});
}

TEST_F(AdmissionTest, refuses_the_new_one_where_all_others_are_being_answered) {
    for (const char* address : {"a", "a", "a"}) table.completed(open(address));
    const auto fourth = open("a");
    EXPECT_EQ(ended, Ids{fourth});
    table.closed(fourth);
    table.completed(open("b"));
    const auto more = open("c");
    EXPECT_EQ(ended, Ids{more});
    EXPECT_EQ(table.staying(), 4u);
}

TEST_F(AdmissionTest, a_connection_without_a_complete_request_is_late_after_its_patience_and_named_once) {
    const auto idle = open("a"), busy = open("b");
    table.completed(busy);
    clock.advance(seconds(8));
    EXPECT_EQ(table.late(clock.now()), Ids());
    clock.advance(seconds(1));
    EXPECT_EQ(table.late(clock.now()), Ids{idle});
    EXPECT_EQ(table.late(clock.now()), Ids());
    EXPECT_EQ(table.staying(), 1u);
    // Answered, it has the same time for its next request.
    table.answered(busy, clock.now());
    clock.advance(seconds(9));
    EXPECT_EQ(table.late(clock.now()), Ids());
    clock.advance(seconds(1));
    EXPECT_EQ(table.late(clock.now()), Ids{busy});
}

TEST_F(AdmissionTest, is_crowded_while_fewer_than_the_reserve_are_free) {
    open("a");
    const auto second = open("b");
    EXPECT_FALSE(table.crowded());
    const auto third = open("c");
    EXPECT_TRUE(table.crowded());
    table.closed(third);
    EXPECT_FALSE(table.crowded());
    table.closed(second);
    table.closed(second);
    EXPECT_EQ(table.staying(), 1u);
}

TEST_F(AdmissionTest, a_flood_never_takes_what_is_being_answered_and_stays_within_its_bounds) {
    Admission real;
    std::vector<Admission::Id> answering;
    for (int i = 0; i < 20; ++i) {
        answering.push_back(real.opened(fmt::format("good{}", i), clock.now()).id);
        real.completed(answering.back());
    }
    for (int i = 0; i < 3000; ++i) {
        const auto opened = real.opened(fmt::format("bad{}", i % 40), clock.now());
        for (const auto id : opened.end) {
            EXPECT_EQ(std::ranges::count(answering, id), 0);
            EXPECT_NE(id, opened.id);
            real.closed(id);
        }
        EXPECT_LE(real.staying(), 512u);
    }
}

}  // namespace
}  // namespace berth::net
