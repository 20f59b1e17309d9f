// SPDX-License-Identifier: GPL-3.0-or-later
// Plays one trace after the other with two client processes and a real NFS server, and writes down what was
// executed in which order (trace_events.h).
//
// It is the proxy between clients and server, speaks RPC's record marking (RFC 5531 11) and lets one call
// through at a time. By the trace's seed it chooses whose call is executed or answered next, loses calls and
// answers (the client's time for it is over, or its connection is reset), gives answers late or twice, keeps
// copies of LINK, RENAME and a block's WRITE for later, and moves the injected time on, never past the bound
// of a WRITE under way (docs/security.md, assumption 2).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/fd.h"
#include "tests/model/traces/note.h"

namespace berth::traces {

struct Step {
    uint32_t event = 0, who = 0, a = 0, b = 0, c = 0;
    bool valid = true;  ///< false: its answer never came to be used.
};

struct Trace {
    std::vector<Step> steps;
    bool two_owners = false;  ///< A block was written out of order, as seen by the conductor itself.
};

/// How often what happened, over all traces.
using Tally = std::map<std::string, uint64_t>;

class Conductor {
  public:
    struct Setup {
        uint16_t nfs_port = 0, mount_port = 0;
        std::string exported;
        Broken broken = Broken::nothing;
    };
    explicit Conductor(Setup setup);
    ~Conductor();
    Conductor(const Conductor&) = delete;
    Conductor& operator=(const Conductor&) = delete;

    /// Throws std::runtime_error when the world does not work (server gone, client gone).
    Trace play(uint64_t seed);
    const Tally& tally() const { return tally_; }

  private:
    enum class State { running, sleeping, called, kept, answered, done };
    struct Client {
        unsigned number = 0;
        pid_t pid = -1;
        UniqueFd control, interrupt, listener, server;
        std::map<int, UniqueFd> connections;
        State state = State::done;
        int64_t until = 0;
        uint32_t session = 0;
        bool announced = false, executed = false;
        Note call;
        int caller = -1;  // the connection that waits for the answer
        std::string request, reply;
        std::optional<size_t> step, looked;  // of the call under way; of the last LOOKUP of a record
    };
    struct Copy {
        std::string request;
        uint32_t epoch = 0, session = 0;
        int client = -1, age = 0;
        explicit operator bool() const { return !request.empty(); }
        void clear() { *this = {}; }
    };

    void start_client(unsigned number);
    void settle(Client& client);
    void took_note(Client& client, const Note& note);
    void ended(Client& client, const Note& note);
    bool took_record(Client& client, int fd);
    void choose();
    void move_on(Client& client);
    void execute(Client& client);
    void block_arrived(Client& client);
    void answer(Client& client);
    void lose(Client& client);
    void wake(Client& client);
    void run_copy(Copy& copy, uint32_t event);
    void run_block();
    bool tick();
    void executed_block(uint32_t epoch, uint32_t session);
    size_t record(uint32_t event, uint32_t who, uint32_t a, uint32_t b = 0, uint32_t c = 0,
                  bool valid = true);
    std::string ask_server(int fd, const std::string& request);
    bool chance(unsigned one_in) { return random_() % one_in == 0; }
    uint32_t session_of(const char* nonce) const;

    const Setup setup_;
    SharedTime* time_;
    UniqueFd late_server_;
    Client clients_[k_clients];
    std::minstd_rand random_;
    uint32_t next_xid_ = 1;
    Copy late_link_, late_rename_, late_block_;
    std::map<std::string, uint32_t> sessions_;  // by nonce
    uint32_t newest_epoch_ = 0, newest_session_ = 0;
    Trace trace_;
    Tally tally_;
    unsigned calls_per_fault_ = 12;
};

}  // namespace berth::traces
