// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/leftovers/last_session.h"

#include <algorithm>

namespace berth::session {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Status ask_to_discard(SessionContext& session, const Error& why) {
    auto answer =
        session.seams.front_end.choose(fmt::format("Changes of your last session of \"{}\" are not saved "
                                                   "yet. {} Discard these changes? They will be lost.",
                                                   session.record.vm, why.to_user()),
                                       {"No, log me off", "Yes, discard them"}, 0);
    if (!answer) return fail(answer.error());
    if (*answer == 0) return fail(ErrorCode::K32, "{}", why.detail());
    session.seams.report.event(Level::warning, "the user discards unsaved changes",
                               {{"vm", session.record.vm}, {"what", why.to_log()}});
    return {};
}

class LastSession {
  public:
    LastSession(SessionContext& session, BootTime deadline)
        : session_(session), deadline_(deadline), allowed_(deadline - session.seams.clock.now()) {}

    Status finish() {
        constexpr int k_rounds = 240;  // of a quarter second, while a sweeper works on it
        for (int i = 0; i < k_rounds; ++i) {
            auto stored = BERTH_TRY(session_.seams.store.list());
            const auto it = std::ranges::find_if(stored, [this](const auto& s) { return same_vm(s); });
            if (it == stored.end()) return {};
            if (session_.seams.clock.now() >= deadline_) break;
            auto claim = BERTH_TRY(session_.seams.store.claim(it->session));
            if (claim) {
                auto now = BERTH_TRY(session_.seams.store.load(it->session));
                if (now && now->state) BERTH_TRY(finish_one(*now->state));
                continue;
            }
            (void)waiting(seconds((k_rounds - i) / 4));
            if (session_.seams.front_end.stopping()) return fail(ErrorCode::L05);
            session_.seams.clock.sleep(milliseconds(250));
        }
        return fail(ErrorCode::K32);
    }

  private:
    bool same_vm(const StateStore::Stored& s) const {
        const SessionState& ours = session_.record;
        return s.state && s.session != ours.session && s.state->vm == ours.vm &&
               s.state->location.server == ours.location.server &&
               s.state->location.directory == ours.location.directory;
    }

    bool waiting(seconds left) {
        session_.tell_progress(
            fmt::format("Finishing the last session of this workstation: {} s", left.count()));
        return !session_.seams.front_end.stopping() && session_.seams.clock.now() < deadline_;
    }

    /// Its claim is ours.
    Status finish_one(const SessionState& last) {
        const auto still_waiting = [this](seconds left) { return waiting(left); };
        Status finished = session_.seams.sweeper.finish(last, still_waiting);
        if (failed_as(finished, Condition::unsaved)) {
            BERTH_TRY(ask_to_discard(session_, finished.error()));
            deadline_ = session_.seams.clock.now() + allowed_;
            finished = session_.seams.sweeper.finish(last, still_waiting, Unsaved::discard);
        }
        if (!finished) return fail(Error(ErrorCode::K32, finished.error().to_log()));
        return {};
    }

    SessionContext& session_;
    BootTime deadline_;
    Duration allowed_;
};

}  // namespace

Status finish_last_session(SessionContext& session, BootTime deadline) {
    return LastSession(session, deadline).finish();
}

}  // namespace berth::session
