// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/session_context.h"

#include <utility>

namespace berth::session {

SessionContext::SessionContext(SessionConfig session_config, SessionSeams session_seams)
    : config(std::move(session_config)), seams(std::move(session_seams)) {
    record.session = config.session;
    record.run_dir = config.run_root + "/" + config.session;
    record.boot_id = config.owner.boot_id;
}

void SessionContext::enter(const StepFacts& step, size_t index, size_t of, StepPhase phase) {
    progress_ = {std::string(step.name), "", phase, index, of};
    tell_progress(going_back ? step.undoing : step.doing);
}

void SessionContext::tell_progress(std::string_view text) {
    progress_.text = text;
    seams.front_end.progress(progress_);
}

void SessionContext::notice_claim(const volume::VolumeStatus& status) {
    if (!status.claim || move) return;
    move =
        Move{*status.claim, plan_move(seams.clock.now(), status.lease_left, config.times.watch.power_button)};
    seams.report.event(Level::info, "another workstation asks for the VM",
                       {{"host", move->claim.host}, {"vm", record.vm}});
}

void SessionContext::tell_failed_undo(const Error& error) {
    if (!std::exchange(failed_undo_told_, true)) seams.front_end.say(MessageStyle::error, error.to_user());
}

void SessionContext::tell_loss(std::string_view what) {
    if (std::exchange(loss_told, true)) return;
    seams.front_end.say(MessageStyle::error,
                        Error(ErrorCode::K33, fmt::format("{} of \"{}\"", what, record.vm)).to_user());
}

}  // namespace berth::session
