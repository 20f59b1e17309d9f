// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/interrupt.h"

#include <algorithm>

namespace berth::files {

int Waiter::wait(std::vector<pollfd>& fds, BootTime until, Clock& clock) {
    fds[0] = {fd_, POLLIN, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock.now()).count();
    const int ready =
        poll(fds.data(), fds.size(), static_cast<int>(std::clamp<int64_t>(left + 1, 0, 3'600'000)));
    if (ready < 0) return errno == EINTR ? 0 : -1;
    if (!fds[0].revents) return ready;
    if (!interrupt_.raised || interrupt_.raised()) return -1;
    fd_ = -1;
    return ready - 1;
}

}  // namespace berth::files
