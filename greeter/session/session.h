// SPDX-License-Identifier: GPL-3.0-or-later
// One login from the first prompt to the last undo: the list of steps (steps/), the watch while the guest runs
// (guest_watch.h), the way back. One thread; the probe of KVM and the words to the provisioner have their own.
#pragma once

#include <future>

#include "greeter/session/session_context.h"
#include "greeter/session/steps/session_steps.h"

namespace berth::session {

class Session {
  public:
    Session(SessionConfig config, SessionSeams seams);

    /// The whole of it. Returns the error that ended it, after telling the user; whatever happens, everything
    /// begun is undone, or left written down for the sweeper.
    Status run();
    /// After run(): something is left that a sweeper has to finish.
    bool unfinished() const { return !saga_.outstanding().empty(); }

  private:
    Status watch(Running& running);
    Status go_back();
    /// Tells the provisioner that the VM runs, on a thread of its own, unless it was told lately.
    void tell_running(const Running& running);

    SessionContext context_;
    SessionSteps steps_;
    Saga saga_;
    BootTime next_tell_;
    std::future<void> telling_;
};

}  // namespace berth::session
