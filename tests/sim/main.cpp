// SPDX-License-Identifier: GPL-3.0-or-later
// sim: plays runs of the lock and the engine in a world of its own.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>

#include "tests/sim/drivers.h"
#include "tests/sim/scenarios.h"
#include "tests/sim/search.h"

using namespace berth::sim;

namespace {

void tell(Scenario scenario, const Schedule& schedule) {
    scenario.world.log = true;
    ListChooser chooser(schedule);
    const Outcome outcome = play(scenario, chooser);
    for (const auto& event : outcome.events) fmt::print("{}\n", event);
    fmt::print("{}\n", outcome.failure ? "failed: " + outcome.failure->what : "good");
}

int report(const Scenario& scenario, const Outcome& outcome, const std::string& how) {
    const Schedule small = shrink(scenario, outcome.schedule);
    tell(scenario, small);
    fmt::print("schedule: sim {} --replay {}\n", how, to_text(small));
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    uint64_t first = 1, count = 0, most = 180;
    std::string replay, trace;
    std::vector<unsigned> purses;
    bool search = false, must_fail = false;
    CLI::App app("Plays runs of the lock and the engine in a world of its own");
    app.add_option("--seed", first, "The first seed");
    app.add_option("--count", count, "Random runs");
    app.add_flag("--all", search, "All schedules of the small scenario");
    app.add_option("--seconds", most, "Of --all: no longer, in seconds of the processor");
    app.add_flag("--must-fail", must_fail, "Good if one of the runs fails");
    app.add_option("--purses", purses, "Of --all: switches, copies, losses, restarts, crashes, refusals")
        ->expected(6)
        ->delimiter(',');
    app.add_option("--replay", replay, "A schedule, of --seed or of --all");
    app.add_option("--trace", trace,
                   "Of --count: the runs go there for tests/model/lock.pml, and nothing else judges them");
    CLI11_PARSE(app, argc, argv);
    if (!replay.empty()) {
        tell(search ? small_scenario() : random_scenario(first), schedule_of(replay));
        return 0;
    }
    std::ofstream traces(trace);
    uint64_t steps = 0, grants = 0, flushes = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        Scenario scenario = random_scenario(seed);
        scenario.world.trace = !trace.empty();
        RandomChooser chooser(seed);
        const Outcome outcome = play(scenario, chooser);
        steps += outcome.steps;
        grants += outcome.grants;
        flushes += outcome.flushes;
        traces << outcome.trace;
        if (scenario.world.trace) continue;  // judged by the model alone
        if (outcome.failure && must_fail) {
            fmt::print("caught by run {} of {}, {} steps: {}\n", seed - first + 1, count, steps,
                       outcome.failure->what);
            return 0;
        }
        if (outcome.failure) return report(scenario, outcome, fmt::format("--seed {}", seed));
    }
    if (!trace.empty() && !traces.flush()) {
        fmt::print("{} cannot be written\n", trace);
        return 1;
    }
    if (count) fmt::print("{} runs, {} steps, {} locks taken, {} flushes\n", count, steps, grants, flushes);
    if (!search) return must_fail ? 1 : 0;
    Scenario scenario = small_scenario();
    for (size_t i = 0; i < purses.size(); i++) scenario.world.purses[i + 1] = static_cast<uint8_t>(purses[i]);
    DepthFirst all(scenario);
    const auto failed = all.search(std::chrono::seconds(most));
    const auto& f = all.figures();
    fmt::print("{} schedules, {} states, {} cuts, at most {} choices, {:.1f} s, {}\n", f.schedules, f.states,
               f.cuts, f.deepest, f.seconds, f.complete ? "complete" : "not complete");
    return failed ? report(scenario, *failed, "--all") : f.complete ? 0 : 1;
}
