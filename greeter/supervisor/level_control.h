// SPDX-License-Identifier: GPL-3.0-or-later
// Volume and brightness, by berth-levels: one run for each change, one after the other. One thread, which it never holds up.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "base/report.h"
#include "base/spawn.h"
#include "greeter/supervisor/supervisor_state.h"
#include "greeter/supervisor/turn.h"

namespace berth::supervisor {

/// What berth-levels printed; what it says nothing of is not there.
event::Levels parse_levels(std::string_view text);

class LevelControl {
  public:
    using Handle = std::function<void(Event)>;

    LevelControl(std::string program, Report& report, Handle handle)
        : program_(std::move(program)), report_(report), handle_(std::move(handle)) {}
    /// Does not wait for a berth-levels that still runs; that one has a time limit of its own.
    ~LevelControl() { (void)child_.release(); }
    LevelControl(const LevelControl&) = delete;
    LevelControl& operator=(const LevelControl&) = delete;

    /// Ends in event::Levels. A person does not press so many keys that one is dropped.
    void ask(const effect::AskLevels& what);
    void wait_for(Turn& turn);

  private:
    void run_next();
    void ended();

    static constexpr size_t k_most_waiting = 16;

    const std::string program_;
    Report& report_;
    Handle handle_;
    std::deque<effect::AskLevels> waiting_;
    Child child_;
    UniqueFd said_;
};

}  // namespace berth::supervisor
