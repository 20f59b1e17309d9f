// SPDX-License-Identifier: GPL-3.0-or-later
#include "net/admission.h"

namespace berth::net {

Admission::Opened Admission::opened(const std::string& address, BootTime now) {
    Opened result{.id = ++last_, .end = {}};
    connections_[result.id] = {.address = address, .since = now};
    const auto make_room = [&](const std::string* of) {
        Id victim = oldest(of, result.id);
        if (victim == 0) victim = result.id;
        end(victim);
        result.end.push_back(victim);
        return victim != result.id;
    };
    ++staying_;
    if (++by_address_[address] > limits_.per_address && !make_room(&address)) return result;
    if (staying_ > limits_.connections) make_room(nullptr);
    return result;
}

void Admission::completed(Id id) {
    if (const auto found = connections_.find(id); found != connections_.end()) found->second.complete = true;
}

void Admission::answered(Id id, BootTime now) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || !found->second.complete) return;
    found->second.complete = false;
    found->second.since = now;
}

void Admission::closed(Id id) {
    end(id);
    connections_.erase(id);
}

std::vector<Admission::Id> Admission::late(BootTime now) {
    std::vector<Id> result;
    for (const auto& [id, c] : connections_)
        if (!c.complete && !c.ending && now - c.since >= limits_.patience) result.push_back(id);
    for (const Id id : result) end(id);
    return result;
}

void Admission::end(Id id) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second.ending) return;
    found->second.ending = true;
    --staying_;
    if (const auto count = by_address_.find(found->second.address); --count->second == 0)
        by_address_.erase(count);
}

Admission::Id Admission::oldest(const std::string* address, Id but) const {
    Id found = 0;
    for (const auto& [id, c] : connections_)
        if (id != but && !c.complete && !c.ending && (address == nullptr || c.address == *address) &&
            (found == 0 || c.since < connections_.at(found).since))
            found = id;
    return found;
}

}  // namespace berth::net
