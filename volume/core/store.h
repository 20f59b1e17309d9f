// SPDX-License-Identifier: GPL-3.0-or-later
// Bytes of this client, a fixed number of them, with completions. A write is readable once it is done, and outlives
// a crash once a sync() that was begun after that is done. After one failed sync nobody knows what was kept: the
// store is poisoned, and every later sync fails too. A crash keeps any of the writes that no sync covered, whole or
// torn between sectors of 512 bytes (tests/testing/crash_store.h has them all).
//
// `done` is called exactly once with 0 or an errno, on any thread, maybe before the call returns; `to` and `bytes` are
// the caller's until then. What is asked for lies within size().
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "volume/core/volume.h"

namespace berth::volume {

class Store {
  public:
    using Done = std::function<void(int error)>;

    virtual ~Store() = default;
    /// Bytes.
    virtual uint64_t size() const = 0;
    virtual Volume::Abilities abilities() const = 0;
    virtual void read(uint64_t offset, std::span<char> to, Done done) = 0;
    virtual void write(uint64_t offset, std::string_view bytes, Done done) = 0;
    virtual void sync(Done done) = 0;
    /// The bytes read as zeros from then on, faster than by writing them; ENOTSUP: not possible. `may_punch`: the room
    /// that they take may be given back.
    virtual void zero(uint64_t offset, uint64_t count, bool may_punch, Done done) = 0;
    /// The bytes read as zeros from then on, and the room that they take is given back.
    virtual void punch(uint64_t offset, uint64_t count, Done done) = 0;
    /// What is known of them, in order and without a gap from `offset` on; not always up to the end. `to` is filled
    /// before `done`.
    virtual void extents(uint64_t offset, uint64_t count, std::vector<Extent>& to, Done done) = 0;
    /// They will be read soon.
    virtual void prefetch(uint64_t offset, uint64_t count, Done done) = 0;
};

}  // namespace berth::volume
