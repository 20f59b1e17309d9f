// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/clock.h"

#include <cerrno>
#include <ctime>

namespace berth {

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
    const BootTime end = now() + d;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(end.since_boot);
    timespec until{.tv_sec = seconds.count(), .tv_nsec = (end.since_boot - seconds).count()};
    while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
}

}  // namespace berth
