// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/run.h"

#include <algorithm>

#include "tests/sim/random_source.h"

namespace berth::sim {

Outcome play(const Scenario& scenario, Chooser& chooser) {
    SimSession::limits_ = {scenario.transfer, scenario.transfer};
    World world(scenario.world, chooser);
    const auto vm = world.server().make_directory(world.server().root(), "vm");
    const std::string folder = "d" + std::to_string(vm->id);
    const auto disk = world.server().make_file(folder, "system.raw", std::string(scenario.disk, '.'));
    Oracle oracle(world, "f" + std::to_string(disk->id), scenario.disk, scenario.times.lock.hold);
    std::vector<std::unique_ptr<Client>> clients;
    for (unsigned i = 0; i < scenario.plans.size(); i++)
        clients.push_back(std::make_unique<Client>(world, oracle, i, scenario.times, scenario.plans[i]));
    t_fresh_hex = [&](size_t bytes) { return clients[world.current_client()]->fresh_hex(bytes); };
    world.hooks = {
        .may_crash = [&](unsigned client) { return clients[client]->lives(); },
        .crash = [&](unsigned client) { clients[client]->crashed(); },
        .restarted = [&] { oracle.restarted(); },
        .executed = [&](const Call& call, bool copy) { oracle.executed(call, copy); },
        .lost_write = [&](unsigned client) { oracle.lost_write(client); },
        .listed = [&](unsigned client, uint64_t begun,
                      BootTime asked) { oracle.listed(client, begun, asked); },
        .sends_block = [&](unsigned client) { oracle.sends_block(client); },
        .check =
            [&] {
                for (auto& client : clients) client->check();
            },
        .all_done = [&] { return std::ranges::all_of(clients, [](const auto& c) { return c->over(); }); },
        .digest = [&] { return oracle.digest(); }};
    for (auto& client : clients) client->boot();
    world.run();
    if (!world.was_cut() && !world.failure()) oracle.end();
    world.shut_down();
    return {.failure = world.failure(),
            .cut = world.was_cut(),
            .schedule = world.schedule(),
            .events = world.events(),
            .trace = world.tracer ? world.tracer->text(scenario.seed) : "",
            .steps = world.steps(),
            .grants = oracle.grants(),
            .flushes = oracle.flushes()};
}

}  // namespace berth::sim
