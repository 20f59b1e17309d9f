// SPDX-License-Identifier: GPL-3.0-or-later
// The loop around guest_watch_state.h: listens to libvirt, the volume engine and the greeter, and does what the
// state machine says, until the guest has ended.
#pragma once

#include <functional>
#include <string>

#include "base/fd.h"
#include "greeter/session/front_end.h"
#include "greeter/session/resources/session_resources.h"
#include "greeter/session/running/guest_watch_state.h"

namespace berth::session {

/// A guest that runs, and what it hangs on.
struct RunningGuest {
    guest::Domain& domain;
    Volume& volume;
    UniqueFd& console;  ///< Closed when nobody reads it any more.
    std::string vm, user, server, since;
};

struct WatchSeams {
    Clock& clock;
    Report& report;
    FrontEnd& front_end;
    std::function<void()> each_round;  ///< Before each look at the domain.
};

/// Returns the state machine as it ended: GuestWatch::ended() has a value. An error: it could not begin.
Result<GuestWatch> watch_guest(const RunningGuest& guest, const WatchTimes& times, const WatchSeams& seams);

}  // namespace berth::session
