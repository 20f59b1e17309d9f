// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <poll.h>

#include <cerrno>
#include <functional>
#include <vector>

#include "base/result.h"
#include "base/spawn.h"

namespace berth::supervisor {

/// What one turn of the loop waits for.
class Turn {
  public:
    void watch(int fd, short events, std::function<void()> action) {
        if (fd < 0) return;
        fds_.push_back({.fd = fd, .events = events, .revents = 0});
        actions_.push_back(std::move(action));
    }
    void watch(Child& child, std::function<void()> action) {
        if (child.running()) watch(child.pidfd(), POLLIN, std::move(action));
    }
    /// Waits, then does what is due.
    Status run(int milliseconds) {
        if (poll(fds_.data(), fds_.size(), milliseconds) < 0 && errno != EINTR) return fail_errno("poll");
        for (size_t i = 0; i < fds_.size(); ++i)
            if (fds_[i].revents != 0) actions_[i]();
        return {};
    }

  private:
    std::vector<pollfd> fds_;
    std::vector<std::function<void()>> actions_;
};

}  // namespace berth::supervisor
