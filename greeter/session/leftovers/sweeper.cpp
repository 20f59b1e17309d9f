// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/leftovers/sweeper.h"

#include "greeter/session/steps/session_steps.h"

namespace berth::session {

Status Sweeper::finish(const SessionState& state, const SweepWaiting& waiting, Unsaved unsaved) {
    Leftover left{state, seams_, waiting, unsaved};
    BERTH_TRY(SessionSteps::undo_left(left));
    // The firmware's local files are in it until the lock is gone.
    BERTH_TRY(seams_.resources.remove_run_dir(state.run_dir));
    BERTH_TRY(seams_.store.remove(state.session));
    seams_.report.event(Level::info, "sweeper finished a session",
                        {{"session", state.session}, {"vm", state.vm}});
    return {};
}

Result<size_t> Sweeper::round(const SweepWaiting& waiting) {
    auto stored = BERTH_TRY(seams_.store.list());
    size_t left = 0;
    for (const auto& entry : stored) {
        auto claim = BERTH_TRY(seams_.store.claim(entry.session));
        if (!claim) continue;  // a live session, or a login that finishes it
        auto now = BERTH_TRY(seams_.store.load(entry.session));
        if (!now) continue;
        const auto& state = now->state;
        if (!state) {
            // Kept for the help desk: what it named is unknown, so nothing of it may be released.
            seams_.report.error("session state unreadable", state.error().with_prefix(entry.session));
            continue;
        }
        if (Status s = finish(*state, waiting); !s) {
            seams_.report.error("sweeper could not finish a session", s.error().with_prefix(entry.session));
            ++left;
        }
    }
    seams_.store.forget_empty_claims();
    return left;
}

}  // namespace berth::session
