// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/oracle.h"

#include <algorithm>
#include <utility>

#include "tests/sim/digest.h"

namespace berth::sim {
namespace {

bool has(const std::string& set, char value) {
    return set.find(value) != std::string::npos;
}

void put(std::string& set, char value) {
    if (!has(set, value)) set += value;
}

}  // namespace

Oracle::Oracle(World& world, files::FileHandle disk, size_t size, Duration hold)
    : world_(world), disk_(std::move(disk)), hold_(hold), bytes_(size) {
    for (Byte& byte : bytes_) byte.now = byte.kept = ".";
}

const Server::Node& Oracle::node() const {
    return *world_.server().at(disk_);
}

void Oracle::granted(unsigned client, uint64_t epoch) {
    world_.note("client {} has lock {}", client + 1, epoch);
    grants_++;
    if (epoch <= owner_)
        return world_.fail_run(fmt::format("client {} took lock {}, and client {} had taken lock {}",
                                           client + 1, epoch, owner_client_ + 1, owner_));
    check_nothing_under_way(epoch);
    check_stable("when the next owner came");
    const std::string& data = node().data;
    for (size_t at = 0; at < bytes_.size(); at++) {
        Byte& byte = bytes_[at];
        if (!has(byte.kept, data[at]) && !has(byte.now, data[at]))
            return world_.fail_run(
                fmt::format("the next owner finds '{}' at {}: none of \"{}\"", data[at], at, byte.now));
        // What the last owner never flushed may be there, and go again with a restart.
        for (const char value : byte.kept) put(byte.now, value);
        byte.kept = byte.found = byte.now;
        byte.under_way.clear();
    }
    owner_ = epoch;
    owner_client_ = client;
    flushing_ = false;
}

void Oracle::executed(const Call& call, bool copy) {
    if (call.kind != Call::Kind::block) return;
    if (!copy) check_unknown_outcomes(call);
    if (call.epoch >= owner_) return;
    world_.fail_run(fmt::format("{}client {}, owner of lock {}, wrote after client {} had lock {}",
                                copy ? "late: " : "", call.client + 1, call.epoch, owner_client_ + 1,
                                owner_));
}

void Oracle::lost_write(unsigned client) {
    rights_[client].lost = world_.order();
}

void Oracle::listed(unsigned client, uint64_t begun, BootTime asked) {
    rights_[client].listed = begun;
    rights_[client].asked = asked;
}

void Oracle::sends_block(unsigned client) {
    const Right& right = rights_[client];
    if (right.lost > right.listed)
        world_.fail_run(fmt::format(
            "client {} sends a block while one may be on its way on a lost connection", client + 1));
    if (world_.now() - right.asked >= hold_)
        world_.fail_run(fmt::format("client {} sends a block by a right that is over", client + 1));
}

void Oracle::check_nothing_under_way(uint64_t epoch) {
    const auto check = [&](const Call& call) {
        if (call.kind == Call::Kind::block && call.epoch < epoch)
            world_.fail_run(fmt::format("lock {} was taken while {} of lock {} may still be executed", epoch,
                                        call.what, call.epoch));
    };
    for (const auto& copy : world_.network().copies()) check(*copy.call);
    for (const auto& connection : world_.network().connections())
        for (const auto& call : connection->calls)
            if (!call->executed && !call->dropped) check(*call);
}

void Oracle::check_unknown_outcomes(const Call& call) {
    for (const auto& copy : world_.network().copies()) {
        const Call& old = *copy.call;
        for (size_t at = 0; at < copy.resolved.size(); at++) {
            const uint64_t place = old.offset + at;
            if (copy.resolved[at] || place < call.offset || place >= call.offset + call.data.size()) continue;
            if (call.data[place - call.offset] != old.data[at])
                return world_.fail_run(
                    fmt::format("{} is executed while {} may still be", call.what, old.what));
        }
    }
}

void Oracle::asked_write(uint64_t epoch, uint64_t offset, const std::string& data) {
    if (epoch != owner_) return;
    for (size_t i = 0; i < data.size(); i++) {
        Byte& byte = bytes_[offset + i];
        put(byte.kept, data[i]);
        put(byte.flushing, data[i]);
        put(byte.now, data[i]);
        byte.under_way += data[i];
        // A value that is used again says nothing any more.
        if (has(byte.found, data[i])) byte.found.clear();
    }
}

void Oracle::told_write(uint64_t epoch, uint64_t offset, const std::string& data, bool good) {
    if (epoch != owner_) return;
    for (size_t i = 0; i < data.size(); i++) {
        Byte& byte = bytes_[offset + i];
        byte.under_way.erase(byte.under_way.find(data[i]), 1);
        if (!good) continue;
        byte.now = data[i];
        for (const char value : byte.under_way) put(byte.now, value);
    }
}

void Oracle::told_read(uint64_t epoch, uint64_t offset, const std::string& data) {
    if (epoch != owner_) return;
    for (size_t i = 0; i < data.size(); i++) {
        Byte& byte = bytes_[offset + i];
        if (!has(byte.now, data[i]))
            return world_.fail_run(
                fmt::format("a read brings '{}' at {}: none of \"{}\"", data[i], offset + i, byte.now));
        settle(byte, data[i]);
    }
}

/// Of all that may have been found it was this, for good.
void Oracle::settle(Byte& byte, char value) {
    if (!has(byte.found, value)) return;
    const auto another = [&](char c) { return c != value && has(byte.found, c); };
    for (std::string* set : {&byte.now, &byte.kept, &byte.flushing, &byte.found})
        std::erase_if(*set, another);
}

void Oracle::asked_flush(uint64_t epoch) {
    if (epoch != owner_) return;
    flushing_ = true;
    for (Byte& byte : bytes_) byte.flushing = byte.now;
}

void Oracle::told_flush(uint64_t epoch, bool good) {
    if (epoch != owner_ || !std::exchange(flushing_, false) || !good) return;
    flushes_++;
    for (Byte& byte : bytes_) byte.kept = byte.flushing;
    check_stable("after a flush");
}

void Oracle::check_stable(const char* when) {
    const std::string& stable = node().stable;
    for (size_t at = 0; at < bytes_.size(); at++)
        if (!has(bytes_[at].kept, stable[at]))
            return world_.fail_run(fmt::format("{}, stable storage has '{}' at {}: none of \"{}\"", when,
                                               stable[at], at, bytes_[at].kept));
}

void Oracle::end() {
    check_stable("in the end");
}

uint64_t Oracle::digest() const {
    Digest digest;
    digest.add(owner_).add(flushing_);
    for (const Byte& byte : bytes_) {
        digest.add(byte.now).add(byte.kept).add(byte.under_way).add(byte.found);
        if (flushing_) digest.add(byte.flushing);
    }
    return digest.value();
}

}  // namespace berth::sim
