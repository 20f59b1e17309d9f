// SPDX-License-Identifier: GPL-3.0-or-later
// All schedules of a scenario, depth first. A state that was entered before with as much left to choose is not entered
// again. Where there is an arena (arena.h), a run that was played to a choice goes on from a copy of its memory for
// each other option; else (sanitizers) it is played again from its beginning. Both see the same schedules.
#pragma once

#include <chrono>
#include <optional>
#include <unordered_map>
#include <vector>

#include "tests/sim/run.h"

namespace berth::sim {

class DepthFirst {
  public:
    struct Figures {
        uint64_t schedules = 0, states = 0, cuts = 0, deepest = 0;
        double seconds = 0;  ///< Of the processor.
        bool complete = false;
    };
    explicit DepthFirst(Scenario scenario) : scenario_(std::move(scenario)) {}
    /// Until all are done, one fails or so much of the processor's time is over. At most one at a time in a process.
    std::optional<Outcome> search(std::chrono::seconds most);
    const Figures& figures() const { return figures_; }

  private:
    class Replayed;
    class PutBack;
    std::optional<Outcome> replayed();
    std::optional<Outcome> put_back();
    bool entered(const Point& point);
    void ended(size_t choices);
    bool time_is_over();

    const Scenario scenario_;
    std::unordered_map<uint64_t, std::vector<Purses>> seen_;
    Figures figures_;
    double begun_ = 0;
    std::chrono::seconds most_{};
};

}  // namespace berth::sim
