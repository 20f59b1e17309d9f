// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/running/stop_ladder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/testing/code_of.h"
#include "tests/testing/fake_world.h"

namespace berth::session {
namespace {

using guest::DomainState;
using std::chrono::seconds;
using Rung = StopLadder::Rung;

const BootTime k_now{std::chrono::hours(5)};

TEST(StopLadder, waits_until_the_button_is_pressed_and_then_for_its_time) {
    StopLadder ladder(seconds(60));
    EXPECT_EQ(ladder.next(DomainState::running, k_now), Rung::wait);
    EXPECT_EQ(ladder.next(DomainState::crashed, k_now), Rung::wait) << "nobody asked for its end";
    ladder.press(k_now);
    EXPECT_EQ(ladder.next(DomainState::running, k_now + seconds(59)), Rung::wait);
    EXPECT_EQ(ladder.next(DomainState::running, k_now + seconds(60)), Rung::destroy);
    EXPECT_EQ(ladder.next(std::nullopt, k_now + seconds(60)), Rung::destroy);
    EXPECT_EQ(ladder.next(DomainState::gone, k_now + seconds(60)), Rung::gone);
}

TEST(StopLadder, does_not_wait_with_a_guest_that_crashed) {
    StopLadder ladder(seconds(60));
    ladder.press(k_now);
    EXPECT_EQ(ladder.next(DomainState::crashed, k_now), Rung::destroy);
}

TEST(StopLadder, counts_from_the_first_press) {
    StopLadder ladder(seconds(60));
    ladder.press(k_now);
    ladder.press(k_now + seconds(30));
    EXPECT_EQ(*ladder.off(), k_now + seconds(60));
}

TEST(StopLadder, is_shortened_by_a_move_and_never_lengthened) {
    StopLadder ladder(seconds(60));
    ladder.no_later_than(k_now);
    EXPECT_FALSE(ladder.pressed()) << "a limit presses no button";
    ladder.press(k_now, k_now + seconds(31));
    EXPECT_EQ(*ladder.off(), k_now + seconds(31));
    ladder.no_later_than(k_now + seconds(50));
    EXPECT_EQ(*ladder.off(), k_now + seconds(31));
}

TEST(StopLadder, begins_its_wait_anew_for_a_guest_that_cannot_close) {
    StopLadder ladder(seconds(60));
    ladder.wait_anew(k_now);
    EXPECT_FALSE(ladder.pressed());
    ladder.press(k_now);
    ladder.wait_anew(k_now + seconds(50));
    EXPECT_EQ(*ladder.off(), k_now + seconds(110));
}

class StopGuest : public testing::Test {
  protected:
    StopGuest() {
        w.made = {"vm"};
        w.domain_states = {DomainState::running};
    }
    Status stop(bool ran = true) {
        FakeDomain domain(w);
        return stop_guest(domain, ran, StopLadder(seconds(60)), w.clock, [this](StopLadder& ladder) {
            w.clock.sleep(seconds(1));
            if (limit) ladder.no_later_than(*limit);
            return patience;
        });
    }
    bool did(const char* what) const { return std::ranges::count(w.log, what) == 1; }

    FakeWorld w;
    Patience patience = Patience::wait;
    std::optional<BootTime> limit;
    BootTime began = w.clock.now();
};

TEST_F(StopGuest, ends_by_the_button_when_the_guest_obeys_it) {
    EXPECT_TRUE(stop());
    EXPECT_EQ(w.log, std::vector<std::string>{"power button"});
}

TEST_F(StopGuest, pulls_the_plug_when_the_time_is_over) {
    w.power_button_works = false;
    EXPECT_TRUE(stop());
    EXPECT_TRUE(did("undo vm"));
    EXPECT_EQ(w.clock.now() - began, seconds(60));
}

TEST_F(StopGuest, pulls_the_plug_earlier_when_it_has_less_time) {
    w.power_button_works = false;
    limit = began + seconds(7);
    EXPECT_TRUE(stop());
    EXPECT_EQ(w.clock.now() - began, seconds(7));
}

TEST_F(StopGuest, presses_no_button_of_one_that_never_ran_or_crashed) {
    EXPECT_TRUE(stop(false));
    w.made = {"vm"};
    w.domain_states = {DomainState::crashed};
    EXPECT_TRUE(stop());
    EXPECT_EQ(w.log, (std::vector<std::string>{"undo vm", "undo vm"}));
}

TEST_F(StopGuest, does_nothing_to_one_that_is_gone) {
    w.domain_states = {DomainState::gone};
    EXPECT_TRUE(stop());
    EXPECT_TRUE(w.log.empty());
}

TEST_F(StopGuest, does_not_wait_with_one_that_crashes_meanwhile) {
    w.power_button_works = false;
    w.domain_states = {DomainState::running, DomainState::running, DomainState::crashed};
    EXPECT_TRUE(stop());
    EXPECT_EQ(w.clock.now() - began, seconds(1));
}

TEST_F(StopGuest, obeys_who_waits_with_it) {
    w.power_button_works = false;
    patience = Patience::give_up;
    const Status left = stop();
    ASSERT_FALSE(left);
    EXPECT_EQ(code_of(left), "BERTH-K32");
    EXPECT_TRUE(w.made.contains("vm"));
    patience = Patience::switch_off;
    EXPECT_TRUE(stop());
    EXPECT_TRUE(w.made.empty());
}

TEST_F(StopGuest, tells_when_it_cannot_be_destroyed) {
    w.power_button_works = false;
    w.failing = {"undo vm"};
    EXPECT_FALSE(stop());
}

}  // namespace
}  // namespace berth::session
