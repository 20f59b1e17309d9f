// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sys/wait.h>

#include <optional>
#include <string>

#include "base/message.h"
#include "base/spawn.h"
#include "greeter/supervisor/outbox.h"

namespace berth::supervisor {

/// Another process and the socket to it.
struct Peer {
    Child child;
    std::optional<MessageSocket> socket;
    Outbox outbox;

    void hang_up() {
        socket.reset();
        outbox.clear();
    }
};

/// A wait status (waitpid(2)) in words.
inline std::string how_it_ended(std::optional<int> status) {
    if (!status) return "ended";
    if (WIFSIGNALED(*status)) return fmt::format("killed by signal {}", WTERMSIG(*status));
    return fmt::format("exit code {}", WEXITSTATUS(*status));
}

}  // namespace berth::supervisor
