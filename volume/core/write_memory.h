// SPDX-License-Identifier: GPL-3.0-or-later
// The memory that the writes of all disks of an engine may take together. Counted is what is held: a buffer
// counts whole until the last byte of it is on the server's stable storage and no read needs it. New writes
// wait for room, in the order in which they came; reads need none, and neither does sending what is held, so
// room always comes back from a server that accepts writes. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

namespace berth::volume {

class WriteMemory {
  public:
    static constexpr uint64_t k_most_held = 96 << 20;  ///< Of all buffers, with what belongs to them.
    static constexpr uint64_t k_most_out = 32 << 20;   ///< Of what is on its way: connections may copy it.
    static constexpr uint64_t k_overhead = 512;        ///< What a buffer's pieces cost beside its bytes.
    using Data = std::shared_ptr<const std::string>;

    explicit WriteMemory(uint64_t most_held = k_most_held, uint64_t most_out = k_most_out)
        : most_held_(most_held), most_out_(most_out) {}

    /// A place at the end of the line for a buffer.
    uint64_t line_up();
    /// The first in the line gets a copy of `size` bytes, and leaves the line, once it fits (or nothing is
    /// held: no write is too large for ever). nullptr: not yet.
    Data take(uint64_t place, const char* from, size_t size);
    void leave(uint64_t place) {
        line_.erase(place);
        changes_++;
    }
    /// A write waits for room: whoever holds what a COMMIT would free is to send one.
    bool wanted() const { return !line_.empty(); }

    /// Whether `size` bytes more may be on their way.
    bool may_send(uint64_t size) const { return out_ + size <= most_out_; }
    void sent(uint64_t size) { out_ += size; }
    void answered(uint64_t size) {
        out_ -= size;
        changes_++;
    }

    uint64_t held() const { return account_->held; }
    /// Another one than before: there is more room, or somebody else waits for it. Each disk's step() may
    /// have more to do then.
    uint64_t changes() const { return changes_ + account_->freed; }

  private:
    struct Buffer;
    struct Account {
        uint64_t held = 0, freed = 0;
    };
    const uint64_t most_held_, most_out_;
    std::shared_ptr<Account> account_ = std::make_shared<Account>();  // buffers may outlive us
    uint64_t out_ = 0, changes_ = 0;
    uint64_t next_place_ = 0;
    std::set<uint64_t> line_;
};

}  // namespace berth::volume
