// SPDX-License-Identifier: GPL-3.0-or-later
// Who chooses: a given list, a seed, or the search of all schedules.
#pragma once

#include <chrono>
#include <random>
#include <unordered_map>
#include <vector>

#include "tests/sim/run.h"

namespace berth::sim {

/// A given list; behind its end, and where it names what there is not, things go on undisturbed.
class ListChooser final : public Chooser {
  public:
    explicit ListChooser(Schedule list) : list_(std::move(list)) {}
    size_t choose(const Point& point) override {
        const size_t chosen = at_ < list_.size() ? list_[at_] : 0;
        at_++;
        return chosen < point.options.size() ? chosen : 0;
    }

  private:
    const Schedule list_;
    size_t at_ = 0;
};

/// From a seed: mostly undisturbed. How often not, and by what mostly, is the seed's too: what needs many of a kind is
/// found by the seeds that favour it.
class RandomChooser final : public Chooser {
  public:
    explicit RandomChooser(uint64_t seed);
    size_t choose(const Point& point) override;

  private:
    std::mt19937_64 random_;
    unsigned calm_;
    std::array<unsigned, 17> weights_{};
};

/// The shortest and quietest list found that still fails: delta debugging over what is not 0.
Schedule shrink(const Scenario& scenario, Schedule failing);

std::string to_text(const Schedule& schedule);
/// "12:3,40:1": what is not 0, by place.
Schedule schedule_of(const std::string& text);

/// All schedules within the scenario's purses, depth first; a state that was entered before with as much left is not
/// entered again.
class DepthFirst {
  public:
    struct Figures {
        uint64_t schedules = 0, states = 0, cuts = 0, steps = 0, deepest = 0;
        double seconds = 0;
        bool complete = false;
    };
    explicit DepthFirst(Scenario scenario) : scenario_(std::move(scenario)) {}
    /// Until all are done, one fails or the time is over.
    std::optional<Outcome> search(std::chrono::seconds most);
    const Figures& figures() const { return figures_; }

  private:
    class Walk;
    struct Choice {
        uint16_t chosen, options;
    };
    bool entered(uint64_t digest, const Purses& left);

    const Scenario scenario_;
    std::vector<Choice> path_;
    std::unordered_map<uint64_t, std::vector<Purses>> seen_;
    Figures figures_;
};

}  // namespace berth::sim
