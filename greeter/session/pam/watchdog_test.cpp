// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/pam/watchdog.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <future>

namespace berth::session {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(WatchdogDeathTest, ends_a_process_that_is_stuck_in_a_call_by_its_name) {
    EXPECT_EXIT(
        {
            Watchdog dog([](const std::string& what) { _exit(what == "pam_authenticate" ? 7 : 8); });
            const Watchdog::Watch watch(&dog, "pam_authenticate", milliseconds(1));
            pause();
        },
        testing::ExitedWithCode(7), "");
}

TEST(WatchdogDeathTest, ends_the_process_and_says_so_when_it_throws_itself) {
    EXPECT_EXIT(
        {
            Watchdog dog([](const std::string&) { throw std::runtime_error("no memory"); });
            const Watchdog::Watch watch(&dog, "pam_authenticate", milliseconds(1));
            pause();
        },
        testing::ExitedWithCode(1), "watchdog: failed by an exception: no memory");
}

TEST(WatchdogDeathTest, lets_a_call_that_comes_back_too_late_go_no_further) {
    EXPECT_EXIT(
        {
            std::promise<void> late;
            Watchdog dog([&](const std::string&) {
                late.set_value();
                // Longer than the call needs to come back.
                std::this_thread::sleep_for(milliseconds(50));
                _exit(7);
            });
            {
                const Watchdog::Watch watch(&dog, "pam_authenticate", milliseconds(1));
                late.get_future().wait();
            }
            _exit(8);
        },
        testing::ExitedWithCode(7), "");
}

TEST(Watchdog, lets_a_call_pass_that_comes_back_in_time) {
    Watchdog dog([](const std::string&) { _exit(8); });
    for (int i = 0; i < 3; ++i) {
        const Watchdog::Watch watch(&dog, "pam_authenticate", hours(1));
        const Watchdog::Pause asked(&dog);
    }
}

TEST(WatchdogDeathTest, does_not_count_the_time_in_which_a_person_is_asked) {
    EXPECT_EXIT(
        {
            std::atomic<bool> asked = true;
            Watchdog dog([&](const std::string&) { _exit(asked ? 8 : 7); });
            const Watchdog::Watch watch(&dog, "pam_authenticate", milliseconds(200));
            {
                const Watchdog::Pause pause(&dog);
                std::this_thread::sleep_for(milliseconds(400));
                asked = false;
            }
            pause();
        },
        testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace berth::session
