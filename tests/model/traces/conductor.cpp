// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/model/traces/conductor.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <new>
#include <stdexcept>

#include "tests/model/trace_events.h"
#include "tests/model/traces/client.h"
#include "tests/model/traces/wire.h"

namespace berth::traces {
namespace {

constexpr unsigned k_longest_trace = 20'000;
constexpr int k_patience_ms = 120'000;  // A client or server that hangs so long is broken.
constexpr int64_t k_start_ns = 3'600'000'000'000;

}  // namespace

Conductor::Conductor(Setup setup) : setup_(std::move(setup)) {
    void* shared =
        mmap(nullptr, sizeof(SharedTime), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) throw std::runtime_error("mmap");
    time_ = new (shared) SharedTime;
    for (unsigned i = 0; i < k_clients; i++) start_client(i);
    for (auto& client : clients_) client.server = connect_to(setup_.nfs_port);
    late_server_ = connect_to(setup_.nfs_port);
}

Conductor::~Conductor() {
    for (auto& client : clients_) {
        kill(client.pid, SIGKILL);
        waitpid(client.pid, nullptr, 0);
    }
    munmap(time_, sizeof(SharedTime));
}

void Conductor::start_client(unsigned number) {
    Client& client = clients_[number];
    client.number = number;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0) throw std::runtime_error("socketpair");
    client.control = UniqueFd(pair[0]);
    client.interrupt = UniqueFd(eventfd(0, EFD_NONBLOCK));
    ClientSetup child{number, pair[1], client.interrupt.get(), time_, {"127.0.0.1", setup_.exported, 0, 0}};
    child.server.mount_port = setup_.mount_port;
    client.listener = listen_on_any(child.server.nfs_port);
    client.pid = fork();
    if (client.pid < 0) throw std::runtime_error("fork");
    if (client.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        client.control.reset();
        int code = 1;
        try {
            code = run_client(child);
        } catch (const std::exception& e) {
            fprintf(stderr, "client %u: %s\n", number, e.what());
        }
        _exit(code);
    }
    close(pair[1]);
}

Trace Conductor::play(uint64_t seed) {
    random_.seed(static_cast<unsigned>(seed * 7919 + 1));
    calls_per_fault_ = 6 + seed % 4 * 12;
    trace_ = {};
    sessions_.clear();
    newest_epoch_ = newest_session_ = 0;
    for (Copy* copy : {&late_link_, &late_rename_, &late_block_}) copy->clear();
    time_->now_ns = k_start_ns;

    Note run;
    run.kind = Note::Kind::run;
    run.seed = seed;
    run.broken = setup_.broken;
    run.set_text("t" + std::to_string(static_cast<unsigned>(setup_.broken)) + "-" + std::to_string(seed));
    const std::filesystem::path folder = std::filesystem::path(setup_.exported) / run.text;
    std::filesystem::create_directory(folder);
    std::ofstream(folder / "software.raw") << std::string(512, '-');
    for (const auto& path : {folder, folder / "software.raw"})
        if (chown(path.c_str(), 4711, 4711) != 0) throw std::runtime_error("chown");

    for (auto& client : clients_) {
        client.state = State::running;
        client.announced = false;
        send_note(client.control.get(), run);
    }
    for (auto& client : clients_) settle(client);
    while (std::ranges::any_of(clients_, [](const Client& c) { return c.state != State::done; })) {
        if (trace_.steps.size() > k_longest_trace) throw std::runtime_error("a trace without end");
        choose();
    }
    for (auto& client : clients_) client.connections.clear();
    record(EV_END, 0, 0);
    std::erase_if(trace_.steps, [](const Step& s) { return !s.valid; });
    std::filesystem::remove_all(folder);
    tally_["traces"]++;
    return trace_;
}

size_t Conductor::record(uint32_t event, uint32_t who, uint32_t a, uint32_t b, uint32_t c, bool valid) {
    trace_.steps.push_back({event, who, a, b, c, valid});
    return trace_.steps.size() - 1;
}

uint32_t Conductor::session_of(const char* nonce) const {
    const auto found = sessions_.find(nonce);
    return found == sessions_.end() ? 0 : found->second;
}

/// Until the client is blocked. What it says comes before what it sends.
void Conductor::settle(Client& client) {
    while (client.state == State::running) {
        std::vector<pollfd> fds = {{client.control.get(), POLLIN, 0}, {client.listener.get(), POLLIN, 0}};
        for (const auto& [fd, owner] : client.connections) fds.push_back({fd, POLLIN, 0});
        if (poll(fds.data(), fds.size(), k_patience_ms) <= 0) throw std::runtime_error("a client hangs");
        if (fds[0].revents) {
            Note note;
            if (!receive_note(client.control.get(), note)) throw std::runtime_error("a client is gone");
            took_note(client, note);
        } else if (fds[1].revents) {
            UniqueFd fd(accept4(client.listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (fd) client.connections[fd.get()] = std::move(fd);
        } else {
            // poll(2) looks at one after the other: what it said may have come behind the look at `control`.
            if (poll(fds.data(), 1, 0) > 0) continue;
            const auto ready = std::ranges::find_if(fds.begin() + 2, fds.end(),
                                                    [](const pollfd& p) { return p.revents != 0; });
            if (!took_record(client, ready->fd)) client.connections.erase(ready->fd);
        }
    }
}

void Conductor::took_note(Client& client, const Note& note) {
    const uint32_t who = client.number + 1;
    switch (note.kind) {
        case Note::Kind::begin:
            client.call = note;
            client.announced = true;
            client.executed = false;
            client.step.reset();
            if (note.op == Op::renew) record(EV_RENEW, who, 0);
            break;
        case Note::Kind::end:
            ended(client, note);
            client.announced = false;
            break;
        case Note::Kind::event:
            if (note.event == EV_START) {
                client.session = note.a;
                sessions_[note.text] = note.a;
            }
            record(note.event, who, note.a, note.event == EV_GRANT ? session_of(note.text) : note.b);
            if (note.event == EV_CRASH) tally_["crashes that are swept"]++;
            if (note.event == EV_RELEASE) tally_["releases"]++;
            if (note.event == EV_GRANT) tally_["sessions that got the lock"]++;
            break;
        case Note::Kind::sleep:
            client.until = note.time;
            client.state = State::sleeping;
            break;
        case Note::Kind::done:
            client.state = State::done;
            break;
        default:
            throw std::runtime_error("a client says nonsense");
    }
}

/// What a call found counts from when it was executed, and only if the client got to see it.
void Conductor::ended(Client& client, const Note& note) {
    if (!client.executed || !client.step) return;
    Step& step = trace_.steps[*client.step];
    switch (note.op) {
        case Op::list:
            if (note.answer != End::ok) break;
            step = {EV_LIST, client.number + 1, note.a, note.b, note.c, true};
            break;
        case Op::lookup_lock:
        case Op::lookup_used:
            client.looked.reset();
            if (note.answer == End::nothing) step.valid = true;
            if (note.answer == End::ok) client.looked = client.step;
            break;
        case Op::read_record:
            if (note.answer == End::stale) step.valid = true;
            if (note.answer != End::ok || !client.looked) break;
            trace_.steps[*client.looked].b = session_of(note.text);
            trace_.steps[*client.looked].valid = true;
            break;
        default:
            break;
    }
}

bool Conductor::took_record(Client& client, int fd) {
    std::string request;
    if (!read_record(fd, request)) return false;
    if (!client.announced || client.executed) {
        // No part of the protocol, or the rest of a call that was let through.
        write_record(fd, ask_server(client.server.get(), request));
        return true;
    }
    tally_["calls"]++;
    client.caller = fd;
    client.request = std::move(request);
    client.state = State::called;
    if (client.call.op == Op::data) block_arrived(client);
    return true;
}

/// Under an id of its own, so that the server takes a copy for a new call.
std::string Conductor::ask_server(int fd, const std::string& request) {
    std::string call = request, reply;
    set_word(call, 0, next_xid_++);
    write_record(fd, call);
    if (!read_record(fd, reply)) throw std::runtime_error("the server is gone");
    set_word(reply, 0, word_at(request, 0));
    return reply;
}

void Conductor::choose() {
    std::vector<Client*> ready;
    for (auto& c : clients_)
        if (c.state == State::called || c.state == State::answered || c.state == State::kept ||
            (c.state == State::sleeping && c.until <= time_->now_ns))
            ready.push_back(&c);
    if (chance(8) && tick()) return;
    if (chance(5)) {
        switch (random_() % 3) {
            case 0:
                return run_copy(late_link_, EV_LATE_LINK);
            case 1:
                return run_copy(late_rename_, EV_LATE_RENAME);
            default:
                return run_block();
        }
    }
    if (!ready.empty()) return move_on(*ready[random_() % ready.size()]);
    if (!tick()) run_block();
}

void Conductor::move_on(Client& client) {
    switch (client.state) {
        case State::called:
            return execute(client);
        case State::answered:
            return answer(client);
        case State::kept:
            if (chance(4)) return lose(client);
            return run_block();
        case State::sleeping:
            if (chance(40) && !client.connections.empty()) {
                tally_["connections lost"]++;
                for (auto& [fd, owner] : client.connections) reset_connection(owner);
                client.connections.clear();
            }
            return wake(client);
        default:
            break;
    }
}

void Conductor::execute(Client& client) {
    const uint32_t who = client.number + 1, epoch = client.call.epoch;
    const Op op = client.call.op;
    Copy* copy = op == Op::link ? &late_link_ : op == Op::rename ? &late_rename_ : nullptr;
    if (copy && *copy) copy = nullptr;
    // 0: never executed. 1: executed, the answer is lost. 2: only a copy stays. 3, 4: both.
    const unsigned fate = chance(copy ? 3 : calls_per_fault_) ? random_() % (copy ? 5 : 2) : 5;
    if (fate == 0) return lose(client);
    if (copy && fate >= 2 && fate <= 4) {
        *copy = {client.request, epoch, client.session, static_cast<int>(client.number), 0};
        record(op == Op::link ? EV_KEEP_LINK : EV_KEEP_RENAME, who, epoch);
        if (fate == 2) return lose(client);
    }
    client.reply = ask_server(client.server.get(), client.request);
    client.executed = true;
    const bool done = nfs_status(client.reply) == 0;
    switch (op) {
        case Op::list:
            client.step = record(EV_LIST, who, 0, 0, 0, false);
            break;
        case Op::lookup_lock:
        case Op::lookup_used:
            client.step =
                record(op == Op::lookup_lock ? EV_READ_LOCK : EV_READ_USED, who, epoch, 0, 0, false);
            break;
        case Op::read_record:
            if (client.looked) {
                const Step looked = trace_.steps[*client.looked];
                client.step = record(looked.event, who, looked.a, 0, 0, false);
            }
            break;
        case Op::link:
            record(EV_LINK, who, epoch, done);
            break;
        case Op::rename:
            record(EV_RENAME, who, epoch, done);
            break;
        case Op::remove_private:
            if (done) record(EV_REMOVE_PRIVATE, who, client.session);
            break;
        case Op::remove_lock:
            if (done) record(EV_REMOVE_LOCK, who, epoch);
            break;
        case Op::remove_used:
            if (done) record(EV_REMOVE_USED, who, epoch);
            break;
        default:
            break;
    }
    client.state = State::answered;
    if (fate == 1 || fate == 4) return lose(client);
    if (!chance(4)) answer(client);
}

/// The client asked for its right a moment ago, by the injected time: executed now, or under way from now.
void Conductor::block_arrived(Client& client) {
    const uint32_t who = client.number + 1, epoch = client.call.epoch;
    const bool faulty = chance(calls_per_fault_);
    if (faulty && chance(2)) return lose(client);
    if (!late_block_ && chance(3)) {
        late_block_ = {client.request, epoch, client.session, static_cast<int>(client.number),
                       k_delay_ticks + 1};
        record(EV_KEEP_WRITE, who, epoch);
        client.state = State::kept;
        return;
    }
    record(EV_WRITE, who, epoch);
    client.reply = ask_server(client.server.get(), client.request);
    client.executed = true;
    executed_block(epoch, client.session);
    client.state = State::answered;
    if (faulty) return lose(client);
    if (!chance(4)) answer(client);
}

void Conductor::executed_block(uint32_t epoch, uint32_t session) {
    tally_["blocks written"]++;
    if (epoch < newest_epoch_ || (epoch == newest_epoch_ && session != newest_session_))
        trace_.two_owners = true;
    if (epoch > newest_epoch_) tally_["changes of the writer"]++;
    newest_epoch_ = epoch;
    newest_session_ = session;
}

void Conductor::answer(Client& client) {
    write_record(client.caller, client.reply);
    if (chance(10)) {
        tally_["answers given twice"]++;
        write_record(client.caller, client.reply);
    }
    client.state = State::running;
    settle(client);
}

void Conductor::lose(Client& client) {
    if (chance(2)) {
        tally_["calls whose time was over"]++;
        const uint64_t one = 1;
        (void)!write(client.interrupt.get(), &one, sizeof one);
    } else {
        tally_["connections lost"]++;
        reset_connection(client.connections[client.caller]);
        client.connections.erase(client.caller);
    }
    client.state = State::running;
    settle(client);
}

void Conductor::wake(Client& client) {
    Note note;
    note.kind = Note::Kind::wake;
    client.state = State::running;
    send_note(client.control.get(), note);
    settle(client);
}

void Conductor::run_copy(Copy& copy, uint32_t event) {
    if (!copy) return;
    if (!chance(4)) {
        tally_["copies executed late"]++;
        const bool done = nfs_status(ask_server(late_server_.get(), copy.request)) == 0;
        record(event, 0, copy.epoch, done);
        if (done) tally_[event == EV_LATE_LINK ? "late LINKs that made a lock" : "late RENAMEs of a lock"]++;
    }
    copy.clear();
}

void Conductor::run_block() {
    if (!late_block_) return;
    Client& client = clients_[late_block_.client];
    const bool waited_for = client.state == State::kept;
    if (waited_for || !chance(4)) {
        tally_["blocks executed late"]++;
        record(EV_LATE_WRITE, 0, late_block_.epoch);
        std::string reply = ask_server(late_server_.get(), late_block_.request);
        executed_block(late_block_.epoch, late_block_.session);
        if (waited_for) {
            client.reply = std::move(reply);
            client.executed = true;
            client.state = State::answered;
        }
    }
    late_block_.clear();
}

bool Conductor::tick() {
    if (late_block_ && late_block_.age == 1) return false;
    if (late_block_) late_block_.age--;
    time_->now_ns += k_tick_ns;
    record(EV_TICK, 0, 0);
    return true;
}

}  // namespace berth::traces
