// SPDX-License-Identifier: GPL-3.0-or-later
// Ends a wait for a file server early. One thread: the one that waits.
#pragma once

#include <poll.h>

#include <cerrno>
#include <functional>
#include <vector>

#include "base/clock.h"

namespace berth::files {

/// Ends every wait early, with L05.
struct Interrupt {
    /// When readable, the wait is over (an eventfd of the owner) or, with `raised`, to be asked; -1: none.
    int fd = -1;
    /// Whether the wait shall really end; asked before each wait, too. On the thread that waits.
    std::function<bool()> raised = {};
};

/// poll(2) that an Interrupt may end. A descriptor that is readable for another reason than a raised one is
/// not looked at again in the same wait.
class Waiter {
  public:
    explicit Waiter(const Interrupt& interrupt) : interrupt_(interrupt), fd_(interrupt.fd) {}
    /// The interrupt was raised.
    bool over() { return interrupt_.raised && interrupt_.raised(); }
    /// Polls `fds`, whose first one is kept for the interrupt: -1 it was raised, else as poll(2).
    int wait(std::vector<pollfd>& fds, BootTime until, Clock& clock);

  private:
    const Interrupt& interrupt_;
    int fd_;
};

}  // namespace berth::files
