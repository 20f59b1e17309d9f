// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/running/stop_ladder.h"

#include <algorithm>

namespace berth::session {

using guest::DomainState;

void StopLadder::press(BootTime now) {
    if (!off_) off_ = now + power_button_;
}

void StopLadder::press(BootTime now, BootTime off) {
    press(now);
    no_later_than(off);
}

void StopLadder::no_later_than(BootTime off) {
    if (off_) off_ = std::min(*off_, off);
}

void StopLadder::wait_anew(BootTime now) {
    if (off_) off_ = now + power_button_;
}

StopLadder::Rung StopLadder::next(std::optional<DomainState> state, BootTime now) const {
    if (state == DomainState::gone) return Rung::gone;
    if (!off_) return Rung::wait;
    return state == DomainState::crashed || now >= *off_ ? Rung::destroy : Rung::wait;
}

Status stop_guest(guest::Domain& domain, bool ran, StopLadder ladder, Clock& clock,
                  const std::function<Patience(StopLadder&)>& pause) {
    const auto look = [&domain]() -> std::optional<DomainState> {
        const auto state = domain.state();
        return state ? std::optional(*state) : std::nullopt;
    };
    auto state = look();
    if (ran && state != DomainState::gone && state != DomainState::crashed && domain.press_power_button()) {
        ladder.press(clock.now());
        for (state = look(); ladder.next(state, clock.now()) == StopLadder::Rung::wait; state = look()) {
            const Patience patience = pause(ladder);
            if (patience == Patience::give_up) return fail(ErrorCode::K32);
            if (patience == Patience::switch_off) break;
        }
    }
    return state == DomainState::gone ? Status{} : domain.destroy();
}

}  // namespace berth::session
