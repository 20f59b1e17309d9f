// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/world.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace berth::sim {
namespace {

thread_local Task* t_task = nullptr;

}  // namespace

World::World(const Setup& setup, Chooser& chooser)
    : setup_(setup), chooser_(chooser), network_(setup.delay), observed_(setup.clients), left_(setup.purses) {
    server_.set_time(now_);
}

World::~World() {
    shut_down();
}

void World::shut_down() {
    closing_ = true;
    for (auto& task : tasks_) task->doomed = true;
    reap();
}

void World::add_event(std::string text) {
    events_.push_back(fmt::format(
        "{:9.3f}  {}", std::chrono::duration<double>(now_ - BootTime{std::chrono::hours(1)}).count(), text));
}

void World::fail_run(std::string what) {
    if (failure_) return;
    note("FAILED: {}", what);
    failure_ = Failure{std::move(what), now_};
}

uint64_t World::current() {
    return t_task ? t_task->number : 0;
}

unsigned World::current_client() {
    return t_task->client;
}

uint64_t World::spawn(unsigned client, std::string name, std::function<void()> body) {
    auto guarded = [this, client, name, body = std::move(body)] {
        try {
            body();
        } catch (const std::exception& e) {
            fail_run(fmt::format("{} of client {} threw: {}", name, client + 1, e.what()));
        }
    };
    tasks_.push_back(std::make_unique<Task>(next_task_++, client, std::move(name), std::move(guarded)));
    ready_.push_back(tasks_.back().get());
    return tasks_.back()->number;
}

bool World::wait(BootTime until) {
    Task* task = t_task;
    task->ready = false;
    task->wake.reset();
    if (until != k_never) task->wake = until;
    if (until <= now_) make_ready(*task);
    if (!Fibre::wait()) return false;
    task->wake.reset();
    observed_[task->client].add(static_cast<uint64_t>(now_.since_boot.count()));
    return true;
}

void World::make_ready(Task& task) {
    if (task.ready) return;
    task.ready = true;
    ready_.push_back(&task);
}

void World::wake(uint64_t number) {
    for (const auto& task : tasks_)
        if (task->number == number) return make_ready(*task);
}

void World::end_tasks(const std::vector<uint64_t>& numbers) {
    for (const auto& task : tasks_)
        if (std::ranges::contains(numbers, task->number)) task->doomed = true;
    // reap() comes before the next task runs.
    wait(now_);
}

void World::reap() {
    if (std::ranges::none_of(tasks_, [](const auto& t) { return t->doomed || t->fibre.over(); })) return;
    for (auto& task : tasks_)
        if (task->doomed && !task->fibre.over()) {
            Task* before = std::exchange(t_task, task.get());
            task->fibre.end();
            t_task = before;
        }
    std::erase_if(ready_, [](Task* t) { return t->fibre.over(); });
    std::erase_if(tasks_, [](const auto& t) { return t->fibre.over(); });
}

void World::run_task(Task& task) {
    steps_++;
    Digest& observed = observed_[task.client];
    observed.add(task.name);
    t_task = &task;
    task.fibre.resume();
    t_task = nullptr;
}

/// false: none can run.
bool World::run_tasks() {
    reap();
    if (ready_.empty()) return false;
    size_t which = 0;
    if (setup_.fine && ready_.size() > 1 && left_[static_cast<size_t>(Purse::switches)] > 0) {
        std::vector<Option> options{{Move::go_on, 0}};
        for (uint32_t i = 1; i < ready_.size(); i++) options.push_back({Move::other_first, i});
        which = choose(options).which;
        if (cut_) return false;
    }
    Task* task = ready_[which];
    ready_.erase(ready_.begin() + static_cast<long>(which));
    run_task(*task);
    return true;
}

bool World::affords(Move move) const {
    const Purse purse = purse_of(move);
    return purse == Purse::none || left_[static_cast<size_t>(purse)] > 0;
}

Option World::choose(const std::vector<Option>& options, bool block) {
    if (options.size() < 2 || closing_ || cut_ || failure_) return options.front();
    const size_t chosen = chooser_.choose({options, left_, block, [this] { return digest(); }});
    if (chosen == Chooser::k_cut) {
        cut_ = true;
        return options.front();
    }
    schedule_.push_back(static_cast<uint16_t>(chosen));
    const Option option = options.at(chosen);
    const Purse purse = purse_of(option.move);
    if (purse != Purse::none) left_[static_cast<size_t>(purse)]--;
    if (option.move != Move::go_on) note("-- {} ({})", move_name(option.move), option.which);
    return option;
}

uint64_t World::digest() const {
    Digest digest;
    digest.add(static_cast<uint64_t>(now_.since_boot.count()));
    digest.add(server_.digest()).add(network_.digest());
    for (const Digest& observed : observed_) digest.add(observed.value());
    size_t position = 0;
    for (const auto& c : network_.connections()) {
        position++;
        if (c->number == current_) digest.add(position);
    }
    digest.add(ready_.size()).add(t_task != nullptr);
    for (const auto& task : tasks_)
        digest.add(task->client)
            .add(task->wake ? static_cast<uint64_t>(task->wake->since_boot.count()) : task->ready);
    if (hooks.digest) digest.add(hooks.digest());
    return digest.value();
}

std::optional<BootTime> World::next_time() const {
    auto first = network_.next_event(now_);
    for (const auto& task : tasks_)
        if (!task->ready && task->wake) first = first ? std::min(*first, *task->wake) : *task->wake;
    return first;
}

bool World::may_tick() const {
    const auto next = next_time();
    const auto bound = network_.bound();
    return next && (!bound || *next < *bound);
}

void World::tick() {
    now_ = std::max(now_, *next_time());
    server_.set_time(now_);
    network_.expire(now_);
    for (const auto connections = network_.connections(); const auto& c : connections) {
        if (c->stalled && *c->stalled <= now_) c->stalled.reset();
        if (c->ends && *c->ends <= now_) break_connection(c);
    }
    for (const auto& task : tasks_)
        if (!task->ready && task->wake && *task->wake <= now_) make_ready(*task);
}

void World::run() {
    while (!cut_ && !failure_) {
        if (!run_tasks()) {
            if (cut_ || hooks.all_done()) break;
            steps_++;
            auto busy = network_.busy(now_);
            if (busy.empty())
                idle();
            else
                move_network(std::move(busy));
        }
        if (hooks.check) hooks.check();
        if (now_ - BootTime{std::chrono::hours(1)} > setup_.longest) fail_run("it does not come to an end");
    }
}

/// One without effect is as one that is lost.
void World::copy_moves(std::vector<Option>& options) const {
    uint32_t i = 0;
    for (const auto& copy : network_.copies()) {
        if (!copy.call->effective || copy.call->effective()) options.push_back({Move::run_copy, i});
        i++;
    }
}

void World::idle_moves(std::vector<Option>& options) const {
    copy_moves(options);
    if (affords(Move::crash))
        for (uint32_t client = 0; client < setup_.clients; client++)
            if (hooks.may_crash(client)) options.push_back({Move::crash, client});
    if (affords(Move::break_line))
        for (const auto& c : network_.connections())
            if (c->calls.empty()) options.push_back({Move::break_line, c->number});
}

void World::idle() {
    std::vector<Option> options{{Move::go_on, 0}};
    idle_moves(options);
    const Option option = choose(options);
    if (cut_) return;
    if (option.move != Move::go_on) return common(option);
    if (!next_time()) return fail_run("nothing can happen any more, and not everything is over");
    tick();
}

void World::call_moves(std::vector<Option>& options, const Connection& on,
                       const std::vector<std::shared_ptr<Connection>>& busy) const {
    const auto call = on.front();
    if (affords(Move::other_first))
        for (const auto& c : busy)
            if (c->number != on.number) options.push_back({Move::other_first, c->number});
    if (affords(Move::stall) && (setup_.fine || call->kind == Call::Kind::block)) {
        // In the coarse grain only what fencing is about: a block's WRITE that is slow.
        options.push_back({Move::stall, 0});
    }
    if (setup_.fine && affords(Move::tick) && may_tick()) options.push_back({Move::tick, 0});
    if (!call->executed) odd_call_moves(options, on, *call);
    copy_moves(options);
    if (affords(Move::crash))
        for (uint32_t client = 0; client < setup_.clients; client++)
            if ((setup_.fine || client == on.client) && hooks.may_crash(client))
                options.push_back({Move::crash, client});
}

/// For one that is about to be executed.
void World::odd_call_moves(std::vector<Option>& options, const Connection& on, const Call& call) const {
    if (affords(Move::overtake)) {
        uint32_t i = 0;
        for (const auto& later : on.calls) {
            if (i > 0 && !later->executed && !later->dropped) options.push_back({Move::overtake, i});
            i++;
        }
    }
    const bool kept = setup_.fine || call.lasting;
    if (kept && affords(Move::keep_copy) && call.kind == Call::Kind::names)
        options.push_back({Move::keep_copy, 0});
    if (kept && affords(Move::keep_call) && call.changes()) options.push_back({Move::keep_call, 0});
    if (affords(Move::lose_call))
        for (const Move move : {Move::lose_call, Move::lose_reply}) options.push_back({move, 0});
    if (affords(Move::drop) && (call.kind == Call::Kind::block || call.kind == Call::Kind::commit))
        options.push_back({Move::drop, 0});
    if (affords(Move::refuse) && (call.write() || call.kind == Call::Kind::commit))
        options.push_back({Move::refuse, 0});
    if (affords(Move::shorten) && call.kind == Call::Kind::block && call.data.size() > 1)
        options.push_back({Move::shorten, 0});
    if (affords(Move::restart)) {
        options.push_back({Move::restart, 0});
        if (setup_.fine) options.push_back({Move::restart_break, 0});
    }
}

void World::move_network(std::vector<std::shared_ptr<Connection>> busy) {
    auto at = std::ranges::find_if(busy, [this](const auto& c) { return c->number >= current_; });
    const auto connection = at == busy.end() ? busy.front() : *at;
    current_ = connection->number;
    std::vector<Option> options{{Move::go_on, 0}};
    call_moves(options, *connection, busy);
    const Call::Kind kind = connection->front()->kind;
    const Option option = choose(options, kind == Call::Kind::block || kind == Call::Kind::commit);
    if (cut_) return;
    if (option.move != Move::go_on) return disturb(connection, option);
    const auto call = connection->front();
    if (!call->executed)
        execute(*connection, call, Trouble::none);
    else
        return answer(*connection, call);
    if (!setup_.fine) answer(*connection, call);
}

void World::disturb(const std::shared_ptr<Connection>& connection, Option option) {
    const auto call = connection->front();
    switch (option.move) {
        case Move::other_first:
            current_ = option.which;
            break;
        case Move::stall:
            // As long as a WRITE may be under way; what has no bound is late by as much.
            connection->stalled =
                (call->executed || !call->write() ? now_ : call->sent) + (network_.delay() - k_grain);
            if (*connection->stalled <= now_) connection->stalled.reset();
            break;
        case Move::tick:
            current_ = connection->number + 1;
            tick();
            break;
        case Move::overtake: {
            auto later = connection->calls[option.which];
            connection->calls.erase(connection->calls.begin() + option.which);
            connection->calls.push_front(later);
            break;
        }
        case Move::keep_copy:
            network_.keep(call);
            execute(*connection, call, Trouble::none);
            break;
        case Move::keep_call:
            network_.keep(call);
            call->executed = true;  // Its connection has nothing more to say of it.
            break_connection(connection);
            break;
        case Move::lose_call:
        case Move::lose_reply:
            if (option.move == Move::lose_reply) execute(*connection, call, Trouble::none);
            break_connection(connection);
            break;
        case Move::drop:
            call->dropped = true;
            connection->ends = now_ + 12 * network_.delay();
            break;
        case Move::refuse:
        case Move::shorten:
            execute(*connection, call, option.move == Move::refuse ? Trouble::refused : Trouble::shortened);
            break;
        default:
            common(option);
    }
}

void World::common(Option option) {
    switch (option.move) {
        case Move::run_copy:
            return run_copy(option.which);
        case Move::restart:
        case Move::restart_break:
            return restart(option.move == Move::restart_break);
        case Move::crash:
            return crash(option.which);
        case Move::break_line:
            for (const auto& c : network_.connections())
                if (c->number == option.which) {
                    const auto kept = c;
                    return break_connection(kept);
                }
            return;
        default:
            std::terminate();
    }
}

void World::execute(Connection& on, const std::shared_ptr<Call>& call, Trouble trouble) {
    call->executed = true;
    note("client {}: {} on {}{}", on.client + 1, call->what, on.name,
         trouble == Trouble::none      ? ""
         : trouble == Trouble::refused ? ": refused"
                                       : ": cut short");
    call->answered = call->execute(trouble, false);
}

void World::answer(Connection& on, const std::shared_ptr<Call>& call) {
    std::erase(on.calls, call);
    observe(on.client, call->answered);
    if (auto done = std::exchange(call->done, nullptr)) done(true);
}

void World::run_copy(size_t i) {
    std::vector<std::pair<uint64_t, std::string>> stretches;
    const auto call = network_.take_copy(i, stretches);
    note("late copy of client {}: {}", call->client + 1, call->what);
    if (call->kind != Call::Kind::block) {
        call->execute(Trouble::none, true);
        return;
    }
    for (auto& [offset, data] : stretches) {
        call->offset = offset;
        call->data = std::move(data);
        call->execute(Trouble::none, true);
    }
}

void World::break_connection(const std::shared_ptr<Connection>& connection) {
    if (connection->broken) return;
    note("client {}: connection {} breaks", connection->client + 1, connection->name);
    for (const auto& call : connection->calls) {
        if (call->executed || call->dropped || !call->changes() || !affords(Move::keep_call)) continue;
        if (!setup_.fine && !call->lasting) continue;
        if (choose({{Move::go_on, 0}, {Move::keep_call, 1}}).move == Move::keep_call) network_.keep(call);
    }
    network_.break_connection(connection);
}

void World::restart(bool break_connections) {
    note("the server starts anew{}", server_.unstable() ? "; what was not stable is gone" : "");
    if (break_connections)
        for (const auto connections = network_.connections(); const auto& c : connections)
            network_.break_connection(c);
    server_.restart();
    if (hooks.restarted) hooks.restarted();
}

void World::crash(unsigned client) {
    note("client {} is gone", client + 1);
    for (auto& task : tasks_)
        if (task->client == client) task->doomed = true;
    reap();
    for (const auto connections = network_.connections(); const auto& c : connections)
        if (c->client == client) break_connection(c);
    hooks.crash(client);
}

}  // namespace berth::sim
