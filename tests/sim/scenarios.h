// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "tests/sim/run.h"

namespace berth::sim {

/// Two clients, two writes each, one take-over, one restart, in a tenth of the protocol's times: for the search of all
/// schedules.
Scenario small_scenario();
/// Two or three clients, sessions and guests as the seed has it.
Scenario random_scenario(uint64_t seed);

}  // namespace berth::sim
