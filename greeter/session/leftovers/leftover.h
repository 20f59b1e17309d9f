// SPDX-License-Identifier: GPL-3.0-or-later
// What a session left that could not undo itself (crash, power cut), and what its undo may use: each step's
// undo_left() works on it, by what is written down alone.
#pragma once

#include <functional>

#include "greeter/session/leftovers/process_table.h"
#include "greeter/session/resources/session_resources.h"
#include "guest/hypervisor.h"

namespace berth::session {

struct SweepSeams {
    Clock& clock;
    Report& report;
    SessionResources& resources;
    guest::Hypervisor& hypervisor;
    StateStore& store;
    ProcessTable& processes;
    std::string boot_id;
    lock::LockTimes times;
    Duration power_button = std::chrono::seconds(60);  ///< From the ACPI power button to destroying the VM.
};

/// Called about every second while a sweeper waits, with the seconds left; false gives up (K32).
using SweepWaiting = std::function<bool(std::chrono::seconds left)>;

/// What becomes of changes that the file server does not take. `keep`: they wait in berth-volume, and the
/// session with them. `discard` only when a person said so.
enum class Unsaved { keep, discard };

struct Leftover {
    const SessionState& state;
    const SweepSeams& seams;
    const SweepWaiting& waiting;
    Unsaved unsaved = Unsaved::keep;
    /// When nothing of it could write any more. What an earlier boot left could not when this one began.
    BootTime writers_gone{};

    /// No process, and no local file of a VM, outlives a boot.
    bool same_boot() const { return state.boot_id == seams.boot_id; }
    /// K32: whoever waits gives up.
    Status wait(Duration left, Duration pause) const {
        if (waiting && !waiting(std::chrono::ceil<std::chrono::seconds>(left))) return fail(ErrorCode::K32);
        seams.clock.sleep(pause);
        return {};
    }
};

}  // namespace berth::session
