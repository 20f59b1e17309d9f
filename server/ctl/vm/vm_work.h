// SPDX-License-Identifier: GPL-3.0-or-later
// What the verbs share that make virtual machines or work under the lock of one.
#pragma once

#include "server/ctl/vm/place_arguments.h"
#include "server/ctl/vm/vm_hardware.h"

namespace berth::server {

/// P30 when a signal came.
Status not_interrupted(const Ctl& ctl, const std::string& vm);

/// --progress, and what is said while files are written: on a terminal one line that is overwritten, with
/// --progress a line for each whole percent. Ends the work with P30 when a signal came.
class Progress {
  public:
    explicit Progress(CLI::App& command);
    /// For one run of the verb; ends the line when it goes.
    class Line {
      public:
        Line(const Ctl& ctl, bool lines);
        ~Line();
        Line(const Line&) = delete;
        Line& operator=(const Line&) = delete;
        Status operator()(const std::string& vm, const std::string& file, uint64_t done, uint64_t size);

      private:
        const Ctl& ctl_;
        bool lines_, terminal_, shown_ = false;
        int percent_ = -1;
        std::string file_, vm_;
    };
    Line line(const Ctl& ctl) const { return {ctl, lines_}; }

  private:
    bool lines_ = false;
};

/// --break: whether the lock of a workstation that is gone may be taken over.
class LockArguments {
  public:
    explicit LockArguments(CLI::App& command);
    /// Heeds signals from now on. K01 names who has it; P30.
    Result<HeldLock> take(Ctl& ctl, UserPlace& place, const std::string& vm) const;

  private:
    bool may_break_ = false;
};

/// Makes it, with a line of progress.
Result<Answer> make_new_vm(Ctl& ctl, PlaceArguments& places, const Progress& progress, const VmName& name,
                           const VmToMake& vm);

}  // namespace berth::server
