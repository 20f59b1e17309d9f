// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/guard.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"
#include "base/no_throw.h"

namespace berth::supervisor {
namespace {

UniqueFd open_pidfd(pid_t pid) {
    return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

void wait_for_end(int pidfd) {
    pollfd p{.fd = pidfd, .events = POLLIN, .revents = 0};
    while (poll(&p, 1, -1) < 0 && errno == EINTR) {
    }
}

}  // namespace

Result<Child> start_guard(const std::function<void()>& deed) {
    const auto self = open_pidfd(getpid());
    if (!self) return fail_errno("pidfd_open");
    const pid_t pid = fork();
    if (pid < 0) return fail_errno("fork");
    if (pid == 0) {
        setsid();
        wait_for_end(self.get());
        no_throw("guard", [&] { deed(); });
        _exit(0);
    }
    auto guard = open_pidfd(pid);
    if (!guard) return fail_errno("pidfd_open");
    return Child(pid, std::move(guard));
}

}  // namespace berth::supervisor
