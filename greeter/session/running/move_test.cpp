// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/running/move.h"

#include <gtest/gtest.h>

namespace berth::session {
namespace {

using namespace std::chrono_literals;
using lock::LockHolder;

const BootTime k_now{std::chrono::hours(5)};

TEST(MovePlan, splits_the_default_lease_for_user_guest_and_last_writes) {
    const MovePlan plan = plan_move(k_now, 50s, 60s);
    EXPECT_EQ(plan.press_button - k_now, 10s);
    EXPECT_EQ(plan.lease_end - k_now, 50s);
    EXPECT_EQ(plan.lease_end - plan.switch_off, Duration(50s) / 6);
}

TEST(MovePlan, keeps_its_order_and_ends_before_the_lease_whatever_is_left) {
    for (auto left : {0ms, 1ms, 100ms, 5000ms, 59'999ms})
        for (auto button : {1s, 60s, 3600s}) {
            const MovePlan plan = plan_move(k_now, left, button);
            EXPECT_GE(plan.press_button, k_now);
            EXPECT_GE(plan.switch_off, plan.press_button);
            EXPECT_GE(plan.lease_end, plan.switch_off);
            EXPECT_EQ(plan.lease_end, k_now + left);
            EXPECT_LE(plan.switch_off - plan.press_button, button);
        }
}

TEST(MoveTexts, name_the_claimer_and_the_seconds_that_are_left) {
    const volume::VolumeClaim claim{"berth-12", "ann"};
    const MovePlan plan = plan_move(k_now, 50s, 60s);
    EXPECT_EQ(
        claimed_text(claim, plan, k_now),
        "Workstation berth-12 asks for your virtual machine: save your work now. It will be asked to shut "
        "down in 10 s and switched off in 41 s.");
    EXPECT_EQ(closing_text(claim, plan, k_now + 10s),
              "Your virtual machine is being closed to move to workstation berth-12: 31 s are left.");
    EXPECT_TRUE(claimed_text({}, plan, k_now).starts_with("Another workstation asks"));
    EXPECT_TRUE(closing_text({}, plan, k_now + 1h).ends_with("another workstation: 0 s are left."));
}

TEST(MoveTexts, show_nothing_that_a_terminal_would_obey) {
    EXPECT_EQ(shown_host("be\033[2Jrth\x80"), "be\\x1b[2Jrth\\x80");
    EXPECT_EQ(shown_host(""), "?");
    EXPECT_EQ(shown_host(std::string(63, 'x')), std::string(17, 'x') + "...");
    EXPECT_EQ(shown_host(std::string(63, 'x'), 40), std::string(37, 'x') + "...");
}

TEST(MoveTexts, tell_the_age_of_a_sign_of_life_in_one_unit) {
    EXPECT_EQ(shown_age(4s), "4 s");
    EXPECT_EQ(shown_age(12min), "12 minutes");
    EXPECT_EQ(shown_age(3h), "3 hours");
    EXPECT_EQ(shown_age(24h * 5), "5 days");
}

TEST(MoveTexts, fit_an_80_column_screen_and_say_who_is_doing_what_during_the_wait) {
    const lock::LockTimes times;
    LockHolder holder;
    holder.record.owner.host = std::string(63, 'h');
    const std::string host = std::string(17, 'h') + "...";
    EXPECT_EQ(waiting_text(holder, 3s, 87s, times), "Asked " + host + " to close it; at most 87 s");
    EXPECT_EQ(waiting_text(holder, 30s, 60s, times), host + " does not answer; taken over in 60 s");
    EXPECT_EQ(waiting_text({}, 3s, 87s, times), "Waiting for the other workstation; at most 87 s");
    holder.record.closing = true;
    EXPECT_EQ(waiting_text(holder, 30s, 60s, times), host + " is closing your VM; at most 60 s");
    for (bool closing : {true, false})
        for (auto asked : {3s, 30s}) {
            holder.record.closing = closing;
            EXPECT_LE(waiting_text(holder, asked, 90s, times).size(), 56u);
        }
}

}  // namespace
}  // namespace berth::session
