// SPDX-License-Identifier: GPL-3.0-or-later
// What clients and network did, as tests/model/lock.pml takes it (tests/model/trace_events.h): a tick is one grain. It says
// what was done and leaves out what has no counterpart there and needs none: a look that nothing came of, a renewal
// that was not good, a copy that was never executed, a WRITE beside another one that is under way longer. What was
// done and has no counterpart ends the trace there.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace berth::sim {

class Tracer {
  public:
    static constexpr unsigned k_clients = 3, k_sessions = 9, k_epochs = 12;
    explicit Tracer(std::function<BootTime()> now) : now_(std::move(now)), last_(now_()) {}

    // Steps are known by where they are; one that is not `valid` is not told, and may become so.
    size_t add(uint32_t event, unsigned client, uint64_t a, uint64_t b = 0, uint64_t c = 0,
               bool valid = true);
    /// Of the network.
    size_t late(uint32_t event, uint64_t a, uint64_t b);
    void found(size_t look, uint64_t b, uint64_t c = 0, uint64_t a = 0);
    uint64_t session_of(std::string_view nonce) const;

    /// A call was kept, and its copy is executed: `keep` is the step at which it was kept.
    void ran_copy(uint32_t late_event, size_t keep, uint64_t epoch, bool done);
    /// `send`: the step at which it was given to the network.
    void executed_block(size_t send, uint64_t epoch);
    /// Nothing behind it can be told.
    void end_here() { over_ = true; }

    // A client's own steps.
    void starts(unsigned client, uint64_t epoch, const std::string& nonce);
    void granted(unsigned client, std::string_view predecessor);
    /// Its guard looked: whether its right is longer now.
    void looked(unsigned client, bool good);
    void releases(unsigned client);
    void crashed(unsigned client);
    void sweeps(unsigned client);
    /// One try of a release is over.
    void tried(unsigned client);
    void released(unsigned client);
    bool releasing(unsigned client) const { return clients_[client].phase == Phase::releasing; }
    uint64_t session(unsigned client) const { return clients_[client].session; }

    /// As lock_traces prints one.
    std::string text(uint64_t seed);

  private:
    enum class Phase { none, taking, held, crashed, releasing };
    struct Step {
        uint32_t event = 0, who = 0;
        uint64_t a = 0, b = 0, c = 0;
        bool valid = true;
    };
    struct One {
        Phase phase = Phase::none;
        uint64_t session = 0, epoch = 0;
        unsigned attempts = 0;
        std::vector<size_t> looks;  // since the last step that did something
        bool tidies = false;
    };
    struct Block {
        size_t send, executed;
    };
    void drop_looks(One& one);
    void pass_time();
    void tell_blocks();

    const std::function<BootTime()> now_;
    BootTime last_;
    std::vector<Step> steps_;
    std::array<One, k_clients> clients_;
    std::map<std::string, uint64_t, std::less<>> sessions_;
    std::vector<Block> blocks_;
    std::map<uint32_t, size_t> last_late_;
    bool over_ = false;
};

}  // namespace berth::sim
