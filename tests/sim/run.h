// SPDX-License-Identifier: GPL-3.0-or-later
// One run: a world, its clients, the oracle; from the beginning to the end of all sessions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/client.h"
#include "tests/sim/oracle.h"
#include "tests/sim/world.h"

namespace berth::sim {

struct Scenario {
    uint64_t seed = 0;
    World::Setup world;
    SimTimes times;
    std::vector<Plan> plans;
    size_t disk = 32;
    uint32_t transfer = 16;  ///< The server's most in one call.
};

struct Outcome {
    std::optional<Failure> failure;
    bool cut = false;
    Schedule schedule;
    std::vector<std::string> events;
    std::string trace;  ///< If the world traces.
    uint64_t steps = 0, grants = 0, flushes = 0;
};

Outcome play(const Scenario& scenario, Chooser& chooser);

}  // namespace berth::sim
