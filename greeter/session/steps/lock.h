// SPDX-License-Identifier: GPL-3.0-or-later
// The VM's lock: taken when an earlier session of this workstation is finished and another holder was asked to
// close; released when nothing of ours can reach the server any more (docs/architecture.md "Released means
// drained").
#pragma once

#include "greeter/session/steps/check.h"

namespace berth::session {

struct Locked : Checked {
    lock::TakenLock lock;
};

class LockStep : public SessionStep {
  public:
    static constexpr StepFacts facts{step::lock,
                                     "Reserving your virtual machine",
                                     "Releasing your virtual machine",
                                     std::chrono::seconds(180),
                                     4,
                                     {step::vm, step::volume}};
    using SessionStep::SessionStep;

    /// K30 the user does not want to move it; K31 the site does not let them; K32 the last session of this
    /// workstation is not finished; K-errors of the lock.
    Result<Locked> run(Checked vm, BootTime deadline);
    /// K32: the sweeper does it later.
    Status undo();
    /// Puts the firmware's state back first.
    static Status undo_left(Leftover& left);

  private:
    Result<lock::TakenLock> take(UserFiles::Bound& bound);
    Result<lock::TakenLock> try_lock(bool may_break);
    Result<bool> ask_to_break(const lock::LockHolder& holder);

    UserFiles* files_ = nullptr;
    /// The user cancelled the wait: the claim stays on the server (docs/rules.md "Lock").
    bool claim_left_ = false;
};

}  // namespace berth::session
