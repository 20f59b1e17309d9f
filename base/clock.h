// SPDX-License-Identifier: GPL-3.0-or-later
// Time as a parameter. Durations and deadlines count on CLOCK_BOOTTIME (clock_gettime(2)): it counts during
// suspend too, so a lease cannot outlive a closed lid. Wall-clock time is only for people and records.
#pragma once

#include <chrono>

namespace berth {

using Duration = std::chrono::nanoseconds;
/// A point on CLOCK_BOOTTIME.
struct BootTime {
    Duration since_boot{0};
    friend auto operator<=>(const BootTime&, const BootTime&) = default;
    friend BootTime operator+(BootTime t, Duration d) { return {t.since_boot + d}; }
    friend Duration operator-(BootTime a, BootTime b) { return a.since_boot - b.since_boot; }
};
/// Later than every moment; nothing is added to it.
inline constexpr BootTime k_never{Duration::max()};

class Clock {
  public:
    virtual ~Clock() = default;
    virtual BootTime now() = 0;
    /// Seconds since 1970, for records and screens.
    virtual std::chrono::system_clock::time_point wall() = 0;
    /// Blocks the calling thread; a fake moves its time on instead.
    virtual void sleep(Duration d) = 0;
    /// Makes `timer`, a timerfd(2) of CLOCK_BOOTTIME, readable at that moment, or at once if it has passed.
    /// Where nobody polls it does nothing.
    virtual void arm(int /*timer*/, BootTime /*at*/) {}
};

/// The kernel's clocks. Any thread.
class SystemClock final : public Clock {
  public:
    BootTime now() override;
    std::chrono::system_clock::time_point wall() override;
    void sleep(Duration d) override;
    void arm(int timer, BootTime at) override;
};

}  // namespace berth
