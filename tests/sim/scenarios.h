// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "tests/sim/run.h"

namespace berth::sim {

/// Two clients, two writes each, in a tenth of the protocol's times, for the search of all schedules. The first has the
/// lock and stays until the second, which begins at the first's second write, takes over.
Scenario small_scenario();
/// Two or three clients, sessions and guests as the seed has it; from k_aimed_seeds on one client whose WRITEs have unknown
/// outcomes.
constexpr uint64_t k_aimed_seeds = 1'000'000;
Scenario random_scenario(uint64_t seed);

}  // namespace berth::sim
