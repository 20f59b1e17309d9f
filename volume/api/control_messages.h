// SPDX-License-Identifier: GPL-3.0-or-later
// What is said on berth-volume's control socket (docs/architecture.md "berth-volume's control socket").
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace berth::volume {

// --- Requests ---

/// Answered by one VolumeStatus.
struct AskStatus {
    bool operator==(const AskStatus&) const = default;
};
/// Answered by a VolumeStatus now and one at every change of state.
struct Watch {
    bool operator==(const Watch&) const = default;
};
/// COMMITs every disk and ends the process: answered by Drained, or by StopFailed and then it still runs.
struct Stop {
    bool operator==(const Stop&) const = default;
};
using ControlRequest = std::variant<AskStatus, Watch, Stop>;

// --- Replies ---

enum class VolumeState {
    starting,
    running,
    silent,   ///< The file server has not answered for `notice` or the lease has run out: requests wait or
              ///< fail. Ends when the server answers.
    claimed,  ///< Another has claimed the lock: what is left of the lease is for closing.
    lost,     ///< The lock is somebody else's: every request fails for good.
    stopping,
};
std::string_view volume_state_name(VolumeState state);

struct VolumeDiskStatus {
    std::string name;
    uint64_t reads = 0, writes = 0;  ///< Requests from the VM.
    uint64_t bytes_read = 0, bytes_written = 0;
    uint64_t uncommitted =
        0;  ///< Bytes that were acknowledged to the VM and are not yet known to be on the server's disk.
    bool operator==(const VolumeDiskStatus&) const = default;
};

/// Who claimed the lock.
struct VolumeClaim {
    std::string host, user;  ///< Empty: could not be read.
    bool operator==(const VolumeClaim&) const = default;
};

struct VolumeStatus {
    VolumeState state = VolumeState::starting;
    std::vector<VolumeDiskStatus> disks;
    uint64_t silent_seconds = 0;
    /// How long the VM's data may still be written (lock/lease.h); under a claim it only falls.
    std::chrono::milliseconds lease_left{0};
    std::optional<VolumeClaim> claim;  ///< From `claimed` on, whatever the state is.

    uint64_t uncommitted() const;  ///< Of all disks.
    bool operator==(const VolumeStatus&) const = default;
};

/// Everything that was acknowledged is on the server's disk.
struct Drained {
    /// How long ago a connection was lost on which a write was unanswered; a copy of it may still be under
    /// way. nullopt: none was lost.
    std::optional<std::chrono::milliseconds> write_lost;
    bool operator==(const Drained&) const = default;
};

/// Not everything could be written; why.
struct StopFailed {
    std::string text;
    bool operator==(const StopFailed&) const = default;
};
using ControlReply = std::variant<VolumeStatus, Drained, StopFailed>;

}  // namespace berth::volume
