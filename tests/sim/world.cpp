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
    : setup_(setup),
      chooser_(chooser),
      network_(setup.delay),
      observed_(setup.clients),
      uncommitted_(setup.clients),
      left_(setup.purses) {
    server_.set_time(now_);
    if (setup_.trace) tracer = std::make_unique<Tracer>([this] { return now_; });
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

Option World::choose(const std::vector<Option>& options, bool block, uint64_t about) {
    if (options.size() < 2 || closing_ || cut_ || failure_) return options.front();
    Task* const task = t_task;
    Fibre* const fibre = Fibre::running();
    const auto whole = [this, about, &options] {
        Digest all;
        all.add(digest()).add(about);
        for (const Option& option : options) all.add(static_cast<uint64_t>(option.move));
        return all.value();
    };
    const size_t chosen = chooser_.choose({options, left_, block, whole});
    // It may have put memory back.
    t_task = task;
    Fibre::runs(fibre);
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
    for (const bool uncommitted : uncommitted_) digest.add(uncommitted);
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

void World::idle() {
    std::vector<Option> options{{Move::go_on, 0}};
    idle_moves(options);
    const Option option = choose(options);
    if (cut_) return;
    if (option.move != Move::go_on) return common(option);
    if (!next_time()) return fail_run("nothing can happen any more, and not everything is over");
    tick();
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

void World::execute(Connection& on, const std::shared_ptr<Call>& call, Trouble trouble) {
    if (call->write() && now_ >= call->sent + network_.delay())
        fail_run(fmt::format("the world's own fault: {} is executed behind its bound", call->what));
    call->executed = true;
    note("client {}: {} on {}{}", on.client + 1, call->what, on.name,
         trouble == Trouble::none      ? ""
         : trouble == Trouble::refused ? ": refused"
                                       : ": cut short");
    call->answered = call->execute(trouble, false);
    if (call->kind == Call::Kind::block) uncommitted_[on.client] = true;
    if (call->kind == Call::Kind::commit) uncommitted_[on.client] = false;
}

void World::answer(Connection& on, const std::shared_ptr<Call>& call) {
    std::erase(on.calls, call);
    observe(on.client, call->answered);
    if (auto done = std::exchange(call->done, nullptr)) done(true);
}

void World::break_connection(const std::shared_ptr<Connection>& connection) {
    if (connection->broken) return;
    note("client {}: connection {} breaks", connection->client + 1, connection->name);
    uint64_t about = 0;
    for (const auto& call : connection->calls) {
        about++;
        if (call->executed || call->dropped || !call->changes() || !affords(Move::keep_call)) continue;
        if (!setup_.fine && !call->lasting) continue;
        if (choose({{Move::go_on, 0}, {Move::keep_call, 1}}, false, about).move == Move::keep_call)
            network_.keep(call);
    }
    network_.break_connection(connection);
}

}  // namespace berth::sim
