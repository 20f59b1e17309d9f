// SPDX-License-Identifier: GPL-3.0-or-later
// When a lock may be released (docs/architecture.md "Released means drained"; tests/model/lock.pml: NO_DRAIN,
// NO_SWEEP_WAIT). A release tells the next owner that nothing of ours is written any more: it starts within a
// second of it, not 90 s after its LINK. So it must be true. Pure.
#pragma once

#include <optional>

#include "base/clock.h"

namespace berth::lock {

/// How the process that writes a VM's data ended.
enum class WriterEnd {
    none,     ///< There was none, or it never served a disk to a VM: nothing was written.
    stopped,  ///< It answered `stopped`: all that was acknowledged is on the server's disk.
    lost,     ///< Its lease was over first.
    died,     ///< Killed, crashed, or it does not answer.
};

/// The moment from which its owner may release the lock itself. nullopt: whoever sweeps does it, `sweep_wait`
/// after the writer is known to be gone. `write_lost`: when a connection with an unanswered write was last
/// lost; what the server or the network still has of it is executed within `sweep_wait`, or never
/// (docs/security.md, assumption 2).
std::optional<BootTime> release_from(WriterEnd end, std::optional<BootTime> write_lost, Duration sweep_wait);

}  // namespace berth::lock
