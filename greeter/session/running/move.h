// SPDX-License-Identifier: GPL-3.0-or-later
// "Move my session here" (docs/architecture.md "Moving a session"; docs/decisions/0011): what both sides do and say. Pure.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "guest/user_directory.h"
#include "volume/api/volume_process.h"

namespace berth::session {

/// How a holder spends the rest of its lease once its lock is claimed: the user saves, the guest closes, the
/// last writes are committed.
struct MovePlan {
    BootTime press_button;  ///< The ACPI power button; until then the user may save.
    BootTime switch_off;    ///< A guest that still runs is destroyed: the rest is for what it has written.
    BootTime lease_end;     ///< Nothing can be written any more.
};

/// A fifth of what is left, at most 10 s, for the user; a sixth at the end for the last writes; the guest has
/// what is between, but not more than `power_button`.
MovePlan plan_move(BootTime now, Duration lease_left, Duration power_button);

/// A claim on our lock and the plan that was made when it was noticed.
struct Move {
    volume::VolumeClaim claim;
    MovePlan plan;
};

/// A lock's claimant or holder as shown to people: no control characters, at most `longest` bytes; "?" when it is empty.
std::string shown_host(const std::string& host, size_t longest = 20);
/// "4 s", "12 minutes", "3 hours", "5 days".
std::string shown_age(std::chrono::seconds age);

/// What the holder's user reads. Seconds are whole and never more than there are.
std::string claimed_text(const volume::VolumeClaim& claim, const MovePlan& plan, BootTime now);
std::string closing_text(const volume::VolumeClaim& claim, const MovePlan& plan, BootTime now);

/// What the claimer's user reads while waiting, at most 56 columns. `lower` is who still holds the VM;
/// `asked` is how long ago it was claimed.
std::string waiting_text(const std::optional<lock::LockHolder>& lower, std::chrono::seconds asked,
                         std::chrono::seconds left, const lock::LockTimes& times);

}  // namespace berth::session
