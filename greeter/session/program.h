// SPDX-License-Identifier: GPL-3.0-or-later
// berth-session(8): one login on descriptor 3, or --sweep, --settle, --steps.
#pragma once

#include <functional>

#include "greeter/session/step_table.h"
#include "guest/hypervisor.h"
#include "lock/record.h"

namespace CLI {
class App;
}

namespace berth::session {

/// What no option of berth-session changes: every workstation and server of a site must agree on the lock's
/// times, and libvirt's are the steps' deadlines.
struct FixedTimes {
    lock::LockTimes lock;
    guest::LibvirtTimes libvirt{.answer = step_deadline(step::console), .start = step_deadline(step::vm)};
};
/// Declares options of a laboratory (tests/lab); berth-session has none.
using MoreOptions = std::function<void(CLI::App&, FixedTimes&)>;

/// Exit codes: 0 done, 1 the session failed (the user was told), 2 wrong use.
int run_program(int argc, char** argv, const MoreOptions& more = {});

}  // namespace berth::session
