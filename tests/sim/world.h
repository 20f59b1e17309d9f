// SPDX-License-Identifier: GPL-3.0-or-later
// A world of clients, a network, a server and a clock, on one thread. Threads of the clients are fibres; each call, each
// reply, each sleep and each copy is a point at which a Chooser says what happens next.
//
// Two grains. `fine`: every one of those, as many choices as there are things that could come next. `coarse`, for
// the search of all schedules: a fibre that can run runs at once, and a reply arrives with its execution. Nothing is lost by
// the first: a fibre changes only what its own client has in memory, so no order between fibres of different
// clients can be told apart; those of one client run in the order in which they were woken. What is lost by the second is
// only a reply's time on the wire; `stall` before the execution is the call's.
//
// Equal states (digest()). The future of a run is a function of: the server's files; the calls and copies that
// the network has; the time; what each client is; what may still be chosen. A client's fibres see nothing but what they are
// told: replies, losses, the time at which they run again, in one order. So a client is a function of
// those, and the running hash of all of them, with what it wrote down before its last crash, is taken for it. States whose
// digests are equal are therefore equal, but for a collision of 64 bits; states that are equal may have different
// digests, which costs time and hides nothing. What is chosen at a point, and of what, is part of its digest.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "tests/sim/choices.h"
#include "tests/sim/digest.h"
#include "tests/sim/fibre.h"
#include "tests/sim/network.h"
#include "tests/sim/server.h"
#include "tests/sim/tracer.h"

namespace berth::sim {

/// Everything that waits does so for a multiple of it.
constexpr Duration k_grain = std::chrono::milliseconds(250);

struct Task {
    Task(uint64_t i, unsigned c, std::string n, std::function<void()> body)
        : number(i), client(c), name(std::move(n)), fibre(std::move(body)) {}
    const uint64_t number;
    const unsigned client;
    const std::string name;
    Fibre fibre;
    bool ready = true, doomed = false;
    std::optional<BootTime> wake;
};

/// What a failed run says.
struct Failure {
    std::string what;
    BootTime when;
};

class World {
  public:
    struct Setup {
        Duration delay{};    ///< How long a WRITE may be under way.
        Duration longest{};  ///< When everything must be over.
        bool fine = true;
        Purses purses{};
        bool log = false, trace = false;
        unsigned clients = 2;
    };
    World(const Setup& setup, Chooser& chooser);
    ~World();

    /// Ends all tasks; what they refer to may go then.
    void shut_down();
    /// Until everything is over, something failed or the chooser cuts it.
    void run();
    bool was_cut() const { return cut_; }
    const std::optional<Failure>& failure() const { return failure_; }
    void fail_run(std::string what);
    /// The first schedule's choices; and what happened, if `log`.
    const Schedule& schedule() const { return schedule_; }
    const std::vector<std::string>& events() const { return events_; }
    uint64_t steps() const { return steps_; }
    template <typename... A>
    void note(fmt::format_string<A...> format, A&&... a) {
        if (setup_.log) add_event(fmt::format(format, std::forward<A>(a)...));
    }

    BootTime now() const { return now_; }
    Server& server() { return server_; }
    const Server& server() const { return server_; }
    Network& network() { return network_; }

    // --- For what runs in it ---
    /// A task is known by its number: it may be over.
    uint64_t spawn(unsigned client, std::string name, std::function<void()> body);
    /// From within a task: until it is woken or `until` came (k_never: it does not). false: it is being ended, and did not wait.
    bool wait(BootTime until);
    void wake(uint64_t task);
    static uint64_t current();
    static unsigned current_client();
    /// They are gone before anything else happens; the caller, a task that is not among them, waits for that.
    void end_tasks(const std::vector<uint64_t>& tasks);
    /// Rises with each use: what came before what.
    uint64_t order() { return ++order_; }
    void observe(unsigned client, uint64_t what) { observed_[client].add(what); }
    /// A client that begins anew knows only `what`.
    void forget(unsigned client, uint64_t what) {
        observed_[client] = Digest();
        observed_[client].add(what);
    }
    /// From the client's side, or the network's; calls that had not been executed are kept or gone.
    void break_connection(const std::shared_ptr<Connection>& connection);

    /// `crash` is called when one is chosen, outside of tasks, after the client's tasks ended.
    struct Hooks {
        std::function<bool(unsigned client)> may_crash;
        std::function<void(unsigned client)> crash;
        std::function<void()> restarted;
        std::function<void(const Call&, bool copy)> executed;
        /// A client knows that it lost a connection with a WRITE unanswered; it was answered a listing on its
        /// lock's connection that it had asked for at `begun` of order() and at `asked`; it sends a block.
        std::function<void(unsigned client)> lost_write;
        std::function<void(unsigned client, uint64_t begun, BootTime asked)> listed;
        std::function<void(unsigned client)> sends_block;
        std::function<void()> check;  ///< Behind each step.
        std::function<bool()> all_done;
        std::function<uint64_t()> digest;  ///< Of the oracle.
    };
    Hooks hooks;
    /// nullptr: this run is not traced.
    std::unique_ptr<Tracer> tracer;

    uint64_t digest() const;

  private:
    /// `about`: what else tells this point from others of the same state.
    Option choose(const std::vector<Option>& options, bool block = false, uint64_t about = 0);
    void add_event(std::string text);
    bool run_tasks();
    void run_task(Task& task);
    void move_network(std::vector<std::shared_ptr<Connection>> busy);
    void disturb(const std::shared_ptr<Connection>& connection, Option option);
    void idle();
    void copy_moves(std::vector<Option>& options) const;
    void idle_moves(std::vector<Option>& options) const;
    void call_moves(std::vector<Option>& options, const Connection& on,
                    const std::vector<std::shared_ptr<Connection>>& busy) const;
    void odd_call_moves(std::vector<Option>& options, const Connection& on, const Call& call) const;
    void common(Option option);
    bool affords(Move move) const;
    bool restart_shows() const;
    std::optional<BootTime> next_time() const;
    bool may_tick() const;
    void tick();
    void execute(Connection& on, const std::shared_ptr<Call>& call, Trouble trouble);
    void answer(Connection& on, const std::shared_ptr<Call>& call);
    void run_copy(size_t i);
    void restart(bool break_connections);
    void crash(unsigned client);
    void reap();
    void make_ready(Task& task);

    const Setup setup_;
    Chooser& chooser_;
    BootTime now_{std::chrono::hours(1)};
    Server server_;
    Network network_;
    std::vector<std::unique_ptr<Task>> tasks_;
    std::vector<Task*> ready_;
    uint64_t next_task_ = 1;
    std::vector<Digest> observed_;
    std::vector<bool> uncommitted_;  // of each client: it was answered a WRITE, and no COMMIT since
    Purses left_;
    unsigned current_ = 0;  // the number of the connection that goes on
    bool cut_ = false, closing_ = false;
    std::optional<Failure> failure_;
    Schedule schedule_;
    std::vector<std::string> events_;
    uint64_t steps_ = 0, order_ = 0;
};

/// Its now() and sleep() are the world's.
class SimClock final : public Clock {
  public:
    explicit SimClock(World& world) : world_(world) {}
    BootTime now() override { return world_.now(); }
    std::chrono::system_clock::time_point wall() override {
        return std::chrono::system_clock::time_point(
            std::chrono::duration_cast<std::chrono::system_clock::duration>(
                world_.now().since_boot + std::chrono::seconds(1'700'000'000)));
    }
    void sleep(Duration d) override { world_.wait(world_.now() + d); }

  private:
    World& world_;
};

}  // namespace berth::sim
