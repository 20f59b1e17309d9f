// SPDX-License-Identifier: GPL-3.0-or-later
// What may be chosen in a world, and what each choice does.
#include <algorithm>
#include <exception>
#include <utility>

#include "tests/sim/world.h"

namespace berth::sim {

bool World::affords(Move move) const {
    const Purse purse = purse_of(move);
    return purse == Purse::none || left_[static_cast<size_t>(purse)] > 0;
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
    if (affords(Move::restart) && (setup_.fine || restart_shows())) {
        options.push_back({Move::restart, 0});
        if (setup_.fine) options.push_back({Move::restart_break, 0});
    }
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
            // Nor may a WRITE behind it be later than that.
            for (const auto& behind : connection->calls)
                if (behind->write() && !behind->executed && !behind->dropped)
                    connection->stalled =
                        std::min(*connection->stalled, behind->sent + (network_.delay() - k_grain));
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

/// With connections that last, and one block's call of a client under way at a time: else nothing is lost, and nobody has
/// the verifier of something that was not committed.
bool World::restart_shows() const {
    return server_.unstable() || std::ranges::contains(uncommitted_, true);
}

void World::restart(bool break_connections) {
    note("the server starts anew{}", server_.unstable() ? "; what was not stable is gone" : "");
    if (break_connections)
        for (const auto connections = network_.connections(); const auto& c : connections)
            network_.break_connection(c);
    server_.restart();
    uncommitted_.assign(uncommitted_.size(), false);
    if (hooks.restarted) hooks.restarted();
}

void World::crash(unsigned client) {
    note("client {} is gone", client + 1);
    for (auto& task : tasks_)
        if (task->client == client) task->doomed = true;
    // Before anything unwinds: there may be choices in it.
    for (const auto connections = network_.connections(); const auto& c : connections)
        if (c->client == client) break_connection(c);
    reap();
    uncommitted_[client] = false;
    hooks.crash(client);
}

}  // namespace berth::sim
