// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/network.h"

#include <algorithm>
#include <utility>

#include "tests/sim/digest.h"

namespace berth::sim {

std::shared_ptr<Call> Connection::front() const {
    for (const auto& call : calls)
        if (!call->dropped) return call;
    return nullptr;
}

std::shared_ptr<Connection> Network::connect(unsigned client, std::string name) {
    auto made = std::make_shared<Connection>();
    made->number = next_++;
    made->client = client;
    made->name = std::move(name);
    connections_.push_back(made);
    return made;
}

std::vector<std::shared_ptr<Connection>> Network::busy(BootTime now) const {
    std::vector<std::shared_ptr<Connection>> found;
    for (const auto& c : connections_)
        if (!(c->stalled && *c->stalled > now) && c->front()) found.push_back(c);
    return found;
}

void Network::send(Connection& on, std::shared_ptr<Call> call, BootTime now) {
    call->sent = now;
    on.calls.push_back(std::move(call));
}

void Network::keep(const std::shared_ptr<Call>& call) {
    if (call->kept) call->kept();
    Copy copy{call, {}, {}, {}};
    if (call->write()) copy.until = call->sent + delay_;
    if (call->kind == Call::Kind::block) copy.resolved = copy.over = std::vector<bool>(call->data.size());
    copies_.push_back(std::move(copy));
}

std::shared_ptr<Call> Network::take_copy(size_t i, std::vector<std::pair<uint64_t, std::string>>& stretches) {
    const Copy copy = std::move(copies_[i]);
    copies_.erase(copies_.begin() + static_cast<long>(i));
    for (size_t at = 0; at < copy.over.size(); at++) {
        if (copy.over[at]) continue;
        if (at == 0 || copy.over[at - 1]) stretches.emplace_back(copy.call->offset + at, "");
        stretches.back().second += copy.call->data[at];
    }
    return copy.call;
}

void Network::accepted(const Call& call, size_t count) {
    for (auto& copy : copies_) {
        const Call& old = *copy.call;
        if (old.kind != Call::Kind::block || old.client != call.client) continue;
        for (size_t at = 0; at < old.data.size(); at++) {
            const uint64_t place = old.offset + at;
            if (place < call.offset || place >= call.offset + count) continue;
            if (call.data[place - call.offset] == old.data[at])
                copy.resolved[at] = true;
            else if (copy.resolved[at])
                copy.over[at] = true;
        }
    }
    std::erase_if(copies_, [](const Copy& copy) {
        return !copy.over.empty() && std::ranges::all_of(copy.over, [](bool gone) { return gone; });
    });
}

void Network::expire(BootTime now) {
    std::erase_if(copies_, [now](const Copy& copy) { return copy.until && *copy.until <= now; });
}

void Network::break_connection(const std::shared_ptr<Connection>& connection) {
    if (connection->broken) return;
    connection->broken = true;
    std::erase(connections_, connection);
    if (auto told = std::exchange(connection->on_break, nullptr)) told();
    const auto calls = std::exchange(connection->calls, {});
    for (const auto& call : calls)
        if (auto done = std::exchange(call->done, nullptr)) done(false);
}

std::optional<BootTime> Network::bound() const {
    std::optional<BootTime> first;
    for (const auto& c : connections_)
        for (const auto& call : c->calls)
            if (call->write() && !call->executed && !call->dropped) {
                const BootTime bound = call->sent + delay_;
                first = first ? std::min(*first, bound) : bound;
            }
    return first;
}

std::optional<BootTime> Network::next_event(BootTime now) const {
    std::optional<BootTime> first;
    const auto consider = [&](std::optional<BootTime> t) {
        if (t && *t > now) first = first ? std::min(*first, *t) : *t;
    };
    for (const auto& c : connections_) {
        if (c->front()) consider(c->stalled);
        consider(c->ends);
    }
    return first;
}

uint64_t Network::digest() const {
    Digest digest;
    for (const auto& c : connections_) {
        // By client and name: how many a client made before is no part of the state.
        digest.add(c->client).add(c->name);
        digest.add(c->stalled ? static_cast<uint64_t>(c->stalled->since_boot.count()) : 0);
        for (const auto& call : c->calls)
            digest.add(call->asked)
                .add(static_cast<uint64_t>(call->sent.since_boot.count()))
                .add((call->executed ? call->answered | 1 : 0) ^ (call->dropped ? 2 : 0));
        digest.add(c->calls.size()).add(c->ends ? static_cast<uint64_t>(c->ends->since_boot.count()) : 0);
    }
    for (const auto& copy : copies_) {
        digest.add(copy.call->asked);
        digest.add(copy.until ? static_cast<uint64_t>(copy.until->since_boot.count()) : 0);
        for (size_t i = 0; i < copy.over.size(); i++) digest.add(copy.resolved[i] + 2U * copy.over[i]);
    }
    return digest.value();
}

}  // namespace berth::sim
