// SPDX-License-Identifier: GPL-3.0-or-later
// lock_traces: plays random runs of the real lock code against a real NFS server and writes their traces to
// standard output, one "T seed two_owners steps" line and one "event who a b c" line a step each; a summary
// goes to standard error.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>

#include "tests/model/traces/conductor.h"

using namespace berth::traces;

int main(int argc, char** argv) {
    Conductor::Setup setup;
    uint64_t first = 1, count = 1;
    CLI::App app("Plays random runs of the real lock code");
    const std::map<std::string, Broken> broken = {
        {"nothing", Broken::nothing},
        {"take_over_wait", Broken::take_over_wait},
        {"hold_time", Broken::hold_time},
        {"renewal_look", Broken::renewal_look},
        {"sweep_wait", Broken::sweep_wait},
        {"drain", Broken::drain},
        {"read_back", Broken::read_back},
        {"lost_is_drained", Broken::lost_is_drained},
        {"died_is_drained", Broken::died_is_drained},
        {"lost_writes_forgotten", Broken::lost_writes_forgotten},
    };
    app.add_option("--nfs-port", setup.nfs_port)->required();
    app.add_option("--mount-port", setup.mount_port)->required();
    app.add_option("--export", setup.exported, "Folder that the server exports")->required();
    app.add_option("--first", first, "First seed");
    app.add_option("--count", count);
    app.add_option("--broken", setup.broken, "Part of the protocol that the clients leave out")
        ->transform(CLI::CheckedTransformer(broken));
    CLI11_PARSE(app, argc, argv);
    try {
        Conductor conductor(setup);
        uint64_t two_owners = 0;
        for (uint64_t seed = first; seed < first + count; seed++) {
            const Trace trace = conductor.play(seed);
            two_owners += trace.two_owners;
            fmt::print("T {} {} {}\n", seed, trace.two_owners ? 1 : 0, trace.steps.size());
            for (const Step& s : trace.steps) fmt::print("{} {} {} {} {}\n", s.event, s.who, s.a, s.b, s.c);
        }
        for (const auto& [what, times] : conductor.tally()) fmt::print(stderr, "{}: {}\n", what, times);
        fmt::print(stderr, "two owners: {}\n", two_owners);
    } catch (const std::exception& e) {
        fmt::print(stderr, "lock_traces: {}\n", e.what());
        return 1;
    }
    return 0;
}
