// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "base/clock.h"

namespace berth::supervisor {

/// How many messages a process has sent within the running second: one gone wild is ended.
class MessageRate {
  public:
    /// Counts one more; whether that is more than `most`.
    bool exceeds(unsigned most, BootTime now) {
        if (now - second_ >= std::chrono::seconds(1)) {
            second_ = now;
            messages_ = 0;
        }
        return ++messages_ > most;
    }

  private:
    BootTime second_;  ///< Its begin.
    unsigned messages_ = 0;
};

}  // namespace berth::supervisor
