// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <stdexcept>

#include "tests/sim/conformance/tested_server.h"
#include "tests/sim/line.h"
#include "tests/sim/session.h"

namespace berth::sim {
namespace {

constexpr Duration k_timeout = std::chrono::seconds(15);

/// Undisturbed, but for the calls that are to be kept.
class KeepingChooser final : public Chooser {
  public:
    TestedServer::Keep keep = TestedServer::Keep::nothing;
    size_t choose(const Point& point) override {
        const Move wanted = keep == TestedServer::Keep::names    ? Move::keep_copy
                            : keep == TestedServer::Keep::blocks ? Move::keep_call
                                                                 : Move::go_on;
        const auto found = std::ranges::find(point.options, wanted, &Option::move);
        return found == point.options.end() ? 0 : static_cast<size_t>(found - point.options.begin());
    }
};

class Simulated final : public TestedServer {
  public:
    Simulated(World& world, KeepingChooser& chooser)
        : world_(world), chooser_(chooser), files_(world, Party{}, "files", k_timeout) {}

    files::FileOps& files() override { return files_; }
    std::unique_ptr<volume::Line> make_line() override {
        return std::make_unique<SimLine>(world_, world_.network().connect(0, "blocks"), SimSession::limits_,
                                         1, [this, task = World::current()] { world_.wake(task); });
    }
    void serve(volume::Line& line, const bool& over) override {
        while (!over && !line.broken()) {
            world_.wait(k_never);
            static_cast<SimLine&>(line).service();
        }
    }
    void restart() override {
        for (const auto connections = world_.network().connections(); const auto& c : connections)
            world_.break_connection(c);
        world_.server().restart();
    }
    void keep(Keep what) override { chooser_.keep = what; }
    size_t run_kept() override {
        const size_t count = world_.network().copies().size();
        while (!world_.network().copies().empty()) {
            std::vector<std::pair<uint64_t, std::string>> stretches;
            world_.network().take_copy(0, stretches)->execute(Trouble::none, true);
        }
        return count;
    }

  private:
    World& world_;
    KeepingChooser& chooser_;
    SimSession files_;
};

}  // namespace

Transcript play_simulated(const Script& script) {
    KeepingChooser chooser;
    World::Setup setup;
    setup.delay = std::chrono::seconds(3);
    setup.longest = std::chrono::hours(1);
    setup.purses[static_cast<size_t>(Purse::copies)] = 100;
    setup.clients = 1;
    SimSession::limits_ = {16, 16};
    World world(setup, chooser);
    bool over = false;
    world.hooks.executed = [](const Call&, bool) {};
    world.hooks.lost_write = [](unsigned) {};
    world.hooks.listed = [](unsigned, uint64_t, BootTime) {};
    world.hooks.sends_block = [](unsigned) {};
    world.hooks.all_done = [&] { return over; };
    Transcript transcript;
    world.spawn(0, "script", [&] {
        Simulated server(world, chooser);
        script(server, transcript);
        over = true;
    });
    world.run();
    if (world.failure()) throw std::runtime_error(world.failure()->what);
    world.shut_down();
    return transcript;
}

}  // namespace berth::sim
