// SPDX-License-Identifier: GPL-3.0-or-later
// The one way in which session and sweeper end a guest: its ACPI power button, a wait, the plug. Only libvirt's
// word that the domain is gone counts; a guest's reboot does not.
#pragma once

#include <functional>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "guest/hypervisor.h"

namespace berth::session {

/// Where a guest is on the ladder. Pure.
class StopLadder {
  public:
    /// `power_button`: from its button to the plug.
    explicit StopLadder(Duration power_button) : power_button_(power_button) {}

    /// Its button is pressed. The wait counts from the first time.
    void press(BootTime now);
    /// The same for a guest that has until `off` only.
    void press(BootTime now, BootTime off);
    bool pressed() const { return off_.has_value(); }
    /// A guest that closes already is off by then, or earlier.
    void no_later_than(BootTime off);
    /// It cannot close now, through no fault of its own: the whole wait is before it again.
    void wait_anew(BootTime now);

    enum class Rung { wait, destroy, gone };
    /// What is next for a guest in `state` (nullopt: libvirt does not say). One that crashed cannot close any
    /// more and waits for nothing.
    Rung next(std::optional<guest::DomainState> state, BootTime now) const;
    /// The moment of the plug, once its button was pressed.
    std::optional<BootTime> off() const { return off_; }

  private:
    Duration power_button_;
    std::optional<BootTime> off_;
};

/// What somebody who waits with a guest says.
enum class Patience { wait, switch_off, give_up };

/// Ends a guest that nobody watches any more. One that never `ran` has nothing to close. Between two looks
/// `pause` is called: it sleeps, and may shorten the wait. K32 when it gives up; else the error of destroying.
Status stop_guest(guest::Domain& domain, bool ran, StopLadder ladder, Clock& clock,
                  const std::function<Patience(StopLadder&)>& pause);

}  // namespace berth::session
