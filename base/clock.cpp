// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/clock.h"

#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace berth {
namespace {

timespec timespec_of(BootTime t) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(t.since_boot);
    return {.tv_sec = seconds.count(), .tv_nsec = (t.since_boot - seconds).count()};
}

}  // namespace

BootTime SystemClock::now() {
    timespec t{};
    clock_gettime(CLOCK_BOOTTIME, &t);
    return {std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec)};
}

std::chrono::system_clock::time_point SystemClock::wall() {
    return std::chrono::system_clock::now();
}

void SystemClock::sleep(Duration d) {
    if (d <= Duration::zero()) return;
    const timespec until = timespec_of(now() + d);
    while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
}

void SystemClock::arm(int timer, BootTime at) {
    // 0 would disarm it.
    const itimerspec when{.it_interval = {}, .it_value = timespec_of(std::max(at, BootTime{Duration(1)}))};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace berth
