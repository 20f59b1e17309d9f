// SPDX-License-Identifier: GPL-3.0-or-later
// How long to wait before trying again: 2 s, doubling to 60 s.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace berth::boot {

class Backoff {
  public:
    Duration next() {
        const Duration now = next_;
        next_ = std::min<Duration>(next_ * 2, std::chrono::seconds(60));
        return now;
    }
    void reset() { next_ = std::chrono::seconds(2); }

  private:
    Duration next_ = std::chrono::seconds(2);
};

}  // namespace berth::boot
