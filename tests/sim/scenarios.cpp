// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/scenarios.h"

#include <random>

namespace berth::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

SimTimes tenth() {
    SimTimes times;
    times.lock = {milliseconds(1'000), milliseconds(6'000), milliseconds(9'000), milliseconds(3'000)};
    times.request_timeout = milliseconds(1'500);
    times.notice = milliseconds(500);
    return times;
}

Purses purses(uint8_t switches, uint8_t copies, uint8_t losses, uint8_t restarts, uint8_t crashes,
              uint8_t refusals) {
    return {0, switches, copies, losses, restarts, crashes, refusals};
}

}  // namespace

Scenario small_scenario() {
    Scenario s;
    s.times = tenth();
    s.world = {.delay = s.times.lock.sweep_wait,
               .longest = seconds(60),
               .fine = false,
               .purses = purses(3, 1, 0, 1, 1, 0)};
    s.disk = 8;
    const std::string block(8, '?');
    const Wish pause{.kind = Wish::Kind::pause, .pause = milliseconds(750)};
    // It ends when the lock is claimed.
    const Wish stay{.kind = Wish::Kind::pause, .pause = seconds(40)};
    s.plans = {{.begins = {}, .guest = {{.data = block}, pause, {.data = block}, stay}},
               {.begins = milliseconds(750),
                .guest = {{.kind = Wish::Kind::read, .count = 8}, {.data = block}, {.data = block}}}};
    return s;
}

namespace {

Wish random_wish(std::mt19937_64& random) {
    // One place more often than the others: what is written twice is where orders matter.
    const uint64_t offset = random() % 2 ? 0 : 8 * (random() % 3);
    const bool go_on = random() % 6 == 0, gives_up = random() % 3 == 0;
    switch (random() % 8) {
        case 0:
        case 1:
            return {.kind = Wish::Kind::read, .offset = offset, .count = 16, .gives_up = gives_up};
        case 2:
            return {.kind = Wish::Kind::flush, .go_on = go_on, .gives_up = gives_up};
        case 3:
            return {.kind = Wish::Kind::pause, .pause = milliseconds(250 * (random() % 24))};
        default:
            return {.offset = offset,
                    .data = std::string(random() % 2 ? 8 : 16, '?'),
                    .fua = random() % 8 == 0,
                    .go_on = go_on,
                    .gives_up = gives_up};
    }
}

/// One client, and one place that is written again and again on two lines, between flushes: what becomes of a WRITE of
/// unknown outcome when older data has to be sent again, or when it is refused the second time.
void aim_at_unknown_outcomes(Scenario& s) {
    s.world.clients = 1;
    s.world.purses = purses(40, 6, 2, 3, 0, 6);
    s.transfer = 8;
    Plan plan{.lines = 2};
    const std::string block(8, '?');
    for (int i = 0; i < 4; i++) {
        plan.guest.push_back({.data = block, .gives_up = true});
        plan.guest.push_back({.kind = Wish::Kind::flush, .go_on = true, .gives_up = true});
        plan.guest.push_back({.data = block, .go_on = true, .gives_up = true});
    }
    s.plans = {std::move(plan)};
}

}  // namespace

Scenario random_scenario(uint64_t seed) {
    std::mt19937_64 random(seed);
    Scenario s;
    s.seed = seed;
    s.times = tenth();
    s.world = {.delay = s.times.lock.sweep_wait, .longest = seconds(7200)};
    const auto some = [&](unsigned most) { return static_cast<uint8_t>(random() % (most + 1)); };
    s.world.purses = purses(some(200), some(12), some(12), some(4), some(4), some(12));
    s.world.clients = random() % 4 == 0 ? 3 : 2;
    s.disk = 32;
    s.transfer = random() % 2 ? 16 : 8;
    const size_t lines = random() % 3 == 0 ? 2 : 1;
    const unsigned longest = random() % 2 ? 8 : 30;
    for (unsigned client = 0; client < s.world.clients; client++) {
        Plan plan{.begins = milliseconds(250 * (random() % 40)), .sessions = 1U + some(2), .lines = lines};
        for (uint64_t wishes = random() % longest; wishes > 0; wishes--)
            plan.guest.push_back(random_wish(random));
        s.plans.push_back(std::move(plan));
    }
    if (seed >= k_aimed_seeds) aim_at_unknown_outcomes(s);
    return s;
}

}  // namespace berth::sim
