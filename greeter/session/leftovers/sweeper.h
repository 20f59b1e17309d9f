// SPDX-License-Identifier: GPL-3.0-or-later
// Finishes the undo of a session that could not do it itself (crash, power cut) by its steps' own undo
// (undo_left() in steps/): of the VM, of berth-volume, of the lock, of the swap, in this order. Every part is
// idempotent.
#pragma once

#include "greeter/session/leftovers/leftover.h"

namespace berth::session {

class Sweeper {
  public:
    explicit Sweeper(SweepSeams seams) : seams_(std::move(seams)) {}

    /// Finishes one session; the caller holds its claim. The state file goes last. V04: the file server does
    /// not take what the VM was told is written; V05: berth-volume may hold such changes and does not answer.
    /// Then it is left alone, unless `unsaved` says otherwise.
    Status finish(const SessionState& state, const SweepWaiting& waiting, Unsaved unsaved = Unsaved::keep);

    /// One round over this client's state files that nobody holds. How many it could not finish, each reported;
    /// an unreadable one is reported and does not count.
    Result<size_t> round(const SweepWaiting& waiting);

  private:
    SweepSeams seams_;
};

}  // namespace berth::session
