// SPDX-License-Identifier: GPL-3.0-or-later
// What must be done at once when this program dies, whatever of. systemd's start of another one takes a second and more
// on a busy workstation, and until then the guest's screen would be in front.
#pragma once

#include <functional>

#include "base/result.h"
#include "base/spawn.h"

namespace berth::supervisor {

/// Forks a process that waits for the end of this one, then runs `deed`, and ends. Destroying the Child ends it without
/// the deed. To be called while there is one thread and nothing is open yet that should be closed with this program:
/// the process has a copy of each descriptor. The deed opens what it needs: a terminal whose session leader was this
/// program is hung up when it dies (credentials(7)).
Result<Child> start_guard(const std::function<void()>& deed);

}  // namespace berth::supervisor
