// SPDX-License-Identifier: GPL-3.0-or-later
// The volume engine that serves the VM's disks. Its end says what may still be under way to the server
// (docs/architecture.md "Released means drained").
#pragma once

#include "greeter/session/steps/swap.h"

namespace berth::session {

struct Served : WithSwap {
    Volume* volume;  ///< The step's, until its undo.
};

class VolumeStep : public SessionStep {
  public:
    static constexpr StepFacts facts{
        step::volume, "Connecting its disks", "Saving the last changes", std::chrono::seconds(60), 3,
        {step::vm}};
    using SessionStep::SessionStep;

    Result<Served> run(WithSwap vm, BootTime deadline);
    /// Ends it by "stop", within SessionTimes::volume_stop; it is killed only when its lock is lost. V-errors: it
    /// still runs, as it does when this step is destroyed without its undo.
    Status undo();
    /// K32, V04, V05: it has something to write, or may have. Then it is left alone, unless it may be discarded.
    static Status undo_left(Leftover& left);

  private:
    Status end();
    Status ended(lock::WriterEnd how);

    std::unique_ptr<Volume> volume_;
};

}  // namespace berth::session
