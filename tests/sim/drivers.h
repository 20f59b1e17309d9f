// SPDX-License-Identifier: GPL-3.0-or-later
// Who chooses: a given list or a seed (search.h has the search of all schedules).
#pragma once

#include <random>
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

}  // namespace berth::sim
