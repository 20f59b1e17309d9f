// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/running/guest_watch_state.h"

#include <algorithm>
#include <utility>

namespace berth::session {

using guest::DomainState;
using std::chrono::milliseconds;
using volume::VolumeState;

GuestWatch::GuestWatch(std::string vm, std::string server, WatchTimes times)
    : vm_(std::move(vm)),
      server_(std::move(server)),
      times_(times),
      ladder_(times.power_button),
      pause_(times.poll) {}

WatchEffects GuestWatch::handle(const WatchEvent& event, BootTime now) {
    now_ = now;
    out_.clear();
    if (!ended_) std::visit([this](const auto& e) { on(e); }, event);
    return std::exchange(out_, {});
}

Duration GuestWatch::take_pause() {
    return std::exchange(pause_, times_.poll);
}

// --- What stands ---

std::string GuestWatch::silent_text() const {
    return fmt::format(
        "The file server {} is not answering. Your virtual machine waits and continues automatically.",
        server_);
}

std::string GuestWatch::refusal_text() const {
    return fmt::format(
        "The file server {} refuses your virtual machine's changes; is it full? Your virtual machine waits "
        "and tries again automatically.",
        server_);
}

std::vector<std::string> GuestWatch::standing(BootTime now) const {
    std::vector<std::string> lines;
    if (ended_ || volume_ == VolumeState::lost) return lines;
    if (move_) {
        // A guest that its user closes already may have less time than the move leaves it.
        MovePlan plan = move_->plan;
        if (const auto off = ladder_.off()) plan.switch_off = std::min(plan.switch_off, *off);
        // Two numbers that count down change at the same moment.
        const Duration part = std::max(plan.press_button - now, Duration::zero()) % std::chrono::seconds(1);
        if (now < plan.switch_off)
            lines.push_back(ladder_.pressed() ? closing_text(move_->claim, plan, now)
                                              : claimed_text(move_->claim, plan, now + part));
    }
    if (volume_ == VolumeState::silent) lines.push_back(silent_text());
    if (refusal_told_) lines.push_back(refusal_text());
    if (crashed_) lines.push_back(Error(ErrorCode::H09).to_user());
    if (unanswered_since_) lines.push_back(Error(ErrorCode::H02).to_user());
    return lines;
}

// --- libvirt ---

void GuestWatch::on(const watch_event::Domain& e) {
    if (e.state == DomainState::gone) {
        ended_ = e.failed ? Status(fail(ErrorCode::H10, "{}", vm_)) : Status{};
        return;
    }
    if (std::exchange(unanswered_since_, std::nullopt)) tell("The virtual machine service answers again.");
    // It cannot shut down any more, and what it held in memory is lost.
    crashed_ = e.state == DomainState::crashed;
    if (e.state == DomainState::crashed && !std::exchange(crash_told_, true)) {
        do_now(watch_effect::Log{Level::warning, "the guest crashed", {{"vm", vm_}}});
        tell_standing(Error(ErrorCode::H09).to_user());
    }
    continue_stopped(e.state);
    close_for_move();
    climb(e.state);
}

// The guest runs without libvirt. But whether it has ended, and to end it, only libvirt can say; when that is
// wanted and stays without an answer the sweeper continues.
void GuestWatch::on(const watch_event::NoAnswer& e) {
    const bool should_end = ladder_.pressed() || !console_open_;
    if (!unanswered_since_) {
        unanswered_since_ = now_;
        do_now(watch_effect::Log{
            Level::error, "libvirt does not tell the VM's state", {{"error", e.why.to_log()}}});
        tell_standing(Error(ErrorCode::H02).to_user());
    } else if (should_end && now_ - *unanswered_since_ >= times_.unanswered) {
        ended_ = fail(e.why);
        return;
    }
    close_for_move();
    climb(std::nullopt);
}

// QEMU stopped the guest at a failed request (werror=stop); the request is repeated when it continues.
void GuestWatch::continue_stopped(DomainState state) {
    const bool lately = resumed_at_ && now_ - *resumed_at_ < times_.refused;
    if (state == DomainState::paused_io_error &&
        (volume_ == VolumeState::running || volume_ == VolumeState::claimed)) {
        if (!lately) {
            do_now(watch_effect::Resume{});
            resumed_at_ = now_;
        } else if (!std::exchange(refusal_told_, true)) {
            // Stopped again right away: the server answers, and refuses (full, quota). What the guest wanted
            // to write is kept in QEMU.
            tell_standing(refusal_text());
        }
    } else if (refusal_told_ && state == DomainState::running && resumed_at_ && !lately) {
        tell(fmt::format("The file server {} takes your virtual machine's changes again.", server_));
        refusal_told_ = false;
    }
}

// --- The stop ladder ---

void GuestWatch::close_for_move() {
    if (!move_) return;
    if (ladder_.pressed()) {  // it is closing already, and has less time now
        ladder_.no_later_than(move_->plan.switch_off);
    } else if (now_ >= move_->plan.press_button) {
        tell_standing(closing_text(move_->claim, move_->plan, now_));
        do_now(watch_effect::PressPowerButton{});
        ladder_.press(now_, move_->plan.switch_off);
    }
}

void GuestWatch::climb(std::optional<DomainState> state) {
    // A guest cannot close while the file server is silent; what it holds would be lost. The user may still
    // force it, and nobody else waits long: with the greeter gone the time runs on.
    if (volume_ == VolumeState::silent && !alone_) ladder_.wait_anew(now_);
    if (ladder_.next(state, now_) != StopLadder::Rung::destroy) return;
    if (state != DomainState::crashed)
        tell("Your virtual machine did not shut down in time and is switched off.");
    destroy();
}

void GuestWatch::destroy() {
    do_now(watch_effect::Destroy{});
    pause_ = Duration::zero();
}

void GuestWatch::on(const watch_event::Destroyed& e) {
    if (!e.result) {
        ended_ = fail(e.result.error());
    } else if (volume_ == VolumeState::lost) {
        tells_loss_ = move_.has_value();
        ended_ = move_ ? fail(ErrorCode::K33, "\"{}\"", vm_) : fail(ErrorCode::K05);
    }
}

// --- The user ---

void GuestWatch::on(const watch_event::CloseWanted&) {
    tell("Asking your virtual machine to shut down. This can take a while.");
    // With the greeter gone nobody reads the console: a guest that writes to it would never get through its
    // closing.
    if (alone_ && std::exchange(console_open_, false)) do_now(watch_effect::LetGoOfConsole{});
    do_now(watch_effect::PressPowerButton{});
    if (!ladder_.pressed()) first_press_ = true;
    ladder_.press(now_);
}

void GuestWatch::on(const watch_event::PowerButtonPressed&) {
    if (std::exchange(first_press_, false)) ladder_.wait_anew(now_);
}

void GuestWatch::on(const watch_event::StatusWanted&) {
    do_now(watch_effect::TellStatus{move_ ? " " + closing_text(move_->claim, move_->plan, now_) : ""});
}

void GuestWatch::on(const watch_event::ConsoleClosed&) {
    console_open_ = false;
    pause_ = milliseconds(20);  // libvirt says a moment later that QEMU is gone
}

// --- The volume engine ---

void GuestWatch::on(const watch_event::VolumeGone& e) {
    do_now(watch_effect::Log{Level::error, "berth-volume is gone", {{"error", e.why}}});
    do_now(watch_effect::Destroy{});
    ended_ = fail(ErrorCode::V30);
}

void GuestWatch::notice_claim(const volume::VolumeStatus& status) {
    if (!status.claim || move_) return;
    move_ = Move{*status.claim, plan_move(now_, status.lease_left, times_.power_button)};
    do_now(watch_effect::Log{
        Level::info, "another workstation asks for the VM", {{"host", move_->claim.host}, {"vm", vm_}}});
    if (status.state == VolumeState::claimed) tell_standing(claimed_text(move_->claim, move_->plan, now_));
}

void GuestWatch::on(const watch_event::Volume& e) {
    notice_claim(e.status);
    const VolumeState before = std::exchange(volume_, e.status.state);
    if (volume_ == before) return;
    do_now(watch_effect::Log{
        Level::info, "volume", {{"state", std::string(volume::volume_state_name(volume_))}}});
    if (volume_ == VolumeState::silent) {
        tell_standing(silent_text());
    } else if (volume_ == VolumeState::running && before == VolumeState::silent) {
        tell(fmt::format("The file server {} answers again.", server_));
    } else if (volume_ == VolumeState::lost) {
        tell("Another workstation has taken your virtual machine over.");
        destroy();
    }
}

}  // namespace berth::session
