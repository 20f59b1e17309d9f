// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/tracer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/model/trace_events.h"
#include "tests/sim/world.h"

namespace berth::sim {
namespace {

bool is_look(uint32_t event) {
    return event == EV_LIST || event == EV_READ_LOCK || event == EV_READ_USED;
}

}  // namespace

void Tracer::pass_time() {
    for (; last_ + k_grain <= now_(); last_ = last_ + k_grain)
        steps_.push_back({EV_TICK, 0, 0, 0, 0, !over_});
}

size_t Tracer::add(uint32_t event, unsigned client, uint64_t a, uint64_t b, uint64_t c, bool valid) {
    pass_time();
    steps_.push_back({event, client + 1, a, b, c, valid && !over_});
    const size_t at = steps_.size() - 1;
    One& one = clients_[client];
    if (is_look(event) || (event == EV_RENEW && one.phase == Phase::held))
        one.looks.push_back(at);
    else if (one.phase != Phase::held && event != EV_KEEP_WRITE && event != EV_WRITE)
        one.looks.clear();
    if (event == EV_REMOVE_USED) one.tidies = true;
    return at;
}

size_t Tracer::late(uint32_t event, uint64_t a, uint64_t b) {
    pass_time();
    steps_.push_back({event, 0, a, b, 0, !over_});
    return steps_.size() - 1;
}

void Tracer::found(size_t look, uint64_t b, uint64_t c, uint64_t a) {
    Step& step = steps_[look];
    if (step.event == EV_LIST) step.a = a;
    step.b = b;
    step.c = c;
    step.valid = !over_;
}

uint64_t Tracer::session_of(std::string_view nonce) const {
    const auto at = sessions_.find(nonce);
    return at == sessions_.end() ? 0 : at->second;
}

/// The model keeps one of a kind.
void Tracer::ran_copy(uint32_t late_event, size_t keep, uint64_t epoch, bool done) {
    const auto before = last_late_.find(late_event);
    if (before != last_late_.end() && before->second > keep) return end_here();
    steps_[keep].valid = !over_;
    last_late_[late_event] = late(late_event, epoch, done);
}

void Tracer::executed_block(size_t send, uint64_t epoch) {
    const size_t executed = late(EV_LATE_WRITE, epoch, 0);
    steps_[executed].valid = false;
    if (!over_) blocks_.push_back({send, executed});
}

void Tracer::drop_looks(One& one) {
    for (const size_t at : std::exchange(one.looks, {})) steps_[at].valid = false;
}

void Tracer::starts(unsigned client, uint64_t epoch, const std::string& nonce) {
    One& one = clients_[client];
    if (epoch > k_epochs || one.attempts == k_sessions) return end_here();
    one.phase = Phase::taking;
    one.epoch = epoch;
    one.tidies = false;
    one.session = client * k_sessions + ++one.attempts;
    sessions_[nonce] = one.session;
    add(EV_START, client, one.session, epoch);
}

void Tracer::granted(unsigned client, std::string_view predecessor) {
    add(EV_GRANT, client, session(client), session_of(predecessor));
    clients_[client].phase = Phase::held;
    clients_[client].looks.clear();
}

void Tracer::looked(unsigned client, bool good) {
    if (good)
        clients_[client].looks.clear();
    else
        drop_looks(clients_[client]);
}

void Tracer::releases(unsigned client) {
    One& one = clients_[client];
    if (one.phase == Phase::releasing) return;
    drop_looks(one);
    one.phase = Phase::releasing;
    add(EV_RELEASE, client, one.epoch);
}

/// Whoever begins its release anew needs no other wait.
void Tracer::crashed(unsigned client) {
    One& one = clients_[client];
    drop_looks(one);
    if (one.phase != Phase::taking && one.phase != Phase::held) return;
    one.phase = Phase::crashed;
    add(EV_CRASH, client, 0);
}

void Tracer::sweeps(unsigned client) {
    One& one = clients_[client];
    if (one.phase != Phase::crashed) return;
    one.phase = Phase::releasing;
    add(EV_SWEEP, client, one.epoch);
}

void Tracer::tried(unsigned client) {
    drop_looks(clients_[client]);
}

void Tracer::released(unsigned client) {
    One& one = clients_[client];
    drop_looks(one);
    one.phase = Phase::none;
}

/// One WRITE is under way at a time: those first that saw another's grant.
void Tracer::tell_blocks() {
    const auto between = [&](const Block& b, auto&& wanted) {
        return std::any_of(steps_.begin() + static_cast<long>(b.send),
                           steps_.begin() + static_cast<long>(b.executed),
                           [&](const Step& s) { return s.valid && wanted(s); });
    };
    std::ranges::stable_partition(blocks_, [&](const Block& b) {
        return between(b, [](const Step& s) { return s.event == EV_GRANT; });
    });
    std::vector<Block> told;
    for (const Block& block : blocks_) {
        if (!between(block, [](const Step& s) { return s.event != EV_WRITE; })) {
            steps_[block.executed].event = EV_WRITE;
            steps_[block.executed].who = steps_[block.send].who;
        } else if (std::ranges::all_of(told, [&](const Block& other) {
                       return block.executed < other.send || other.executed < block.send;
                   })) {
            steps_[block.send].valid = true;
            told.push_back(block);
        } else {
            continue;
        }
        steps_[block.executed].valid = true;
    }
}

std::string Tracer::text(uint64_t seed) {
    tell_blocks();
    std::string lines;
    size_t count = 1;
    for (const Step& s : steps_)
        if (s.valid) {
            lines += fmt::format("{} {} {} {} {}\n", s.event, s.who, s.a, s.b, s.c);
            count++;
        }
    return fmt::format("T {} 0 {}\n{}{} 0 0 0 0\n", seed, count, lines, EV_END);
}

}  // namespace berth::sim
