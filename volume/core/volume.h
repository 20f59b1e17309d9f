// SPDX-License-Identifier: GPL-3.0-or-later
// One disk of a VM, whatever is behind it: requests in, completions out. One thread at a time, unless an
// implementation says more; nothing here waits.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"

namespace berth::volume {

/// A part of a disk. A hole reads as zeros and takes no room; of what is none, nothing is said.
struct Extent {
    uint64_t offset = 0, count = 0;
    bool hole = false;
    friend bool operator==(const Extent&, const Extent&) = default;
};

struct BlockRequest {
    /// Those behind `flush` only where Volume::abilities() has them; elsewhere they end with ENOTSUP.
    enum class Kind { read, write, flush, zero, trim, extents, prefetch };
    Kind kind = Kind::read;
    uint64_t offset = 0;
    uint32_t count = 0;
    char* buffer = nullptr;      ///< read: filled before `done`; not touched after.
    const char* from = nullptr;  ///< write: copied before `done`; not touched after.
    bool fua = false;            ///< write, zero, trim
    bool may_punch = false;      ///< zero: what the bytes take may be given back.
    std::vector<Extent>
        extents;  ///< extents: filled before `done`; from `offset` on, maybe not up to the end.
    std::function<void(int error)> done;  ///< Exactly once; 0 or an errno. It must not call the volume.

    // The disk's.
    BootTime deadline;
    uint64_t id = 0;           // write: in the write set; flush: the last write it covers
    uint64_t place = 0;        // write: in the line for memory
    uint32_t outstanding = 0;  // parts not yet done
    bool finished = false;
};

class Volume {
  public:
    /// `uncommitted`: what was acknowledged and is not known to be on stable storage, whether the server has
    /// it or it waits to be sent again. Bytes, all but `reads` and `writes`. To be read on any thread.
    struct Counters {
        std::atomic<uint64_t> reads{0}, writes{0}, bytes_read{0}, bytes_written{0}, uncommitted{0};
    };

    /// What it can beside read, write and flush.
    struct Abilities {
        bool zero = false;  ///< Without the zeros being sent; ENOTSUP says that this time it is not possible.
        bool trim = false, extents = false, prefetch = false;
    };

    virtual ~Volume() = default;
    /// Bytes.
    virtual uint64_t size() const = 0;
    /// The same at all times. Any thread.
    virtual Abilities abilities() const { return {}; }
    /// `done` may come before submit() returns.
    virtual void submit(std::shared_ptr<BlockRequest> request) = 0;
    /// Does what is due. To be called after anything happened, and at the time that it returns if nothing
    /// does; k_never: no need.
    virtual BootTime step() = 0;
    /// The end: every request fails with ESHUTDOWN.
    virtual void abandon() = 0;
    virtual const Counters& counters() const = 0;
};

}  // namespace berth::volume
