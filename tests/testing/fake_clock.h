// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "base/clock.h"

namespace berth {

/// Time that a test orders. One thread.
class FakeClock final : public Clock {
  public:
    BootTime now() override { return now_; }
    std::chrono::system_clock::time_point wall() override { return wall_; }
    void sleep(Duration d) override { advance(d); }
    void advance(Duration d) {
        now_ = now_ + d;
        wall_ += std::chrono::duration_cast<std::chrono::system_clock::duration>(d);
    }
    void set_wall(std::chrono::system_clock::time_point t) { wall_ = t; }

  private:
    BootTime now_{std::chrono::hours(1)};
    std::chrono::system_clock::time_point wall_{std::chrono::seconds(1'700'000'000)};
};

}  // namespace berth
