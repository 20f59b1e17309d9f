// SPDX-License-Identifier: GPL-3.0-or-later
// One workstation: sessions with their locks, engines and guests, as greeter/session does them, step by
// step; a crash at any point; the boot after it, which sweeps.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/report.h"
#include "lock/lease.h"
#include "lock/protocol.h"
#include "lock/release_rule.h"
#include "tests/sim/guest.h"
#include "tests/sim/oracle.h"
#include "tests/sim/session.h"
#include "tests/sim/world.h"
#include "volume/core/engine_core.h"
#include "volume/core/guard.h"

namespace berth::sim {

struct Plan {
    Duration begins{};  ///< Before its first session.
    unsigned sessions = 1;
    std::vector<Wish> guest;  ///< Of each session; `data` is made different for each.
    bool takes_over = true;   ///< Breaks a lock that stands.
    size_t lines = 1;         ///< For blocks.
};

struct SimTimes {
    lock::LockTimes lock;
    std::chrono::milliseconds request_timeout{15'000}, notice{5'000};
    Duration retry = std::chrono::seconds(1);
};

class SimReport final : public Report {
  public:
    SimReport(World& world, unsigned client) : world_(world), client_(client) {}
    void event(Level, std::string_view event, const Fields& fields = {}) override;

  private:
    World& world_;
    const unsigned client_;
};

class Client {
  public:
    Client(World& world, Oracle& oracle, unsigned number, SimTimes times, Plan plan);
    ~Client();

    void boot();
    /// Its tasks are over.
    void crashed();
    bool over() const { return over_; }
    /// Something of it runs that a power cut would end.
    bool lives() const { return !over_; }
    /// Behind each step.
    void check();
    /// The next nonce.
    std::string fresh_hex(size_t bytes);

  private:
    struct Engine;
    struct Durable {
        uint64_t epoch = 0;
        std::string nonce;  ///< Empty: no lock.
        unsigned sessions = 0, values = 0, nonces = 0;
    };
    struct InFlight {
        lock::WriterEnd end = lock::WriterEnd::none;
        std::optional<BootTime> write_lost;
        void lose(std::optional<BootTime> when) {
            if (when) write_lost = std::max(write_lost.value_or(*when), *when);
        }
    };

    void run();
    void session();
    void serve(const lock::TakenLock& taken, InFlight& in_flight);
    void use(Engine& engine, InFlight& in_flight);
    void end_volume(Engine& engine, InFlight& in_flight);
    bool flush_all(Engine& engine);
    Status undo_lock(SimSession& files, const InFlight& in_flight);
    Status release(SimSession& files);
    void sweep();
    void forget_lock();
    void write_down();
    std::vector<Wish> wishes();
    bool stands() const;
    void trace(const std::function<void(Tracer&, unsigned client)>& told) {
        if (world_.tracer) told(*world_.tracer, number_);
    }

    World& world_;
    Oracle& oracle_;
    const unsigned number_;
    const SimTimes times_;
    const Plan plan_;
    SimClock clock_;
    SimReport report_;
    Durable durable_;
    std::unique_ptr<SimSession> files_;
    std::unique_ptr<Engine> engine_;
    bool over_ = false;
};

}  // namespace berth::sim
