// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/supervisor_state.h"

#include <algorithm>

namespace berth::supervisor {
namespace {

using protocol::AfterEnd;
using protocol::NoteStyle;
using protocol::PowerAction;
using protocol::ScreenMode;

constexpr size_t k_notes = 32;
constexpr std::string_view k_no_login = "You cannot log in now.";
constexpr size_t k_progress = 64;

}  // namespace

State::State(std::string version, std::string sak_hint, Policy policy)
    : version_(std::move(version)),
      sak_hint_(std::move(sak_hint)),
      policy_(policy),
      screen_(policy.screen, out_) {}

Effects State::handle(const Event& event, BootTime now) {
    now_ = now;
    out_.clear();
    std::visit([this](const auto& e) { on(e); }, event);
    if (screen_.take_failure()) lose_screen();
    return std::exchange(out_, {});
}

std::optional<BootTime> State::deadline() const {
    std::optional<BootTime> first;
    const auto consider = [&first](std::optional<BootTime> t) {
        if (t && (!first || *t < *first)) first = t;
    };
    consider(ui_start_at_);
    if (ui_ == Ui::starting) consider(ui_since_ + policy_.ui_ready);
    consider(session_kill_at_);
    if (waiting_login_) consider(sweep_until_);
    consider(settle_tell_at_);
    consider(settle_until_);
    consider(screen_.deadline());
    return first;
}

// --- The UI process ---

/// What brings Berth: a guest on the display could answer to any other key.
std::string State::attention_hint() const {
    return chord_.empty() ? sak_hint_ : chord_;
}

/// In the menu what can be sent to the guest, elsewhere what to press to see whether this is Berth.
std::string State::sak_hint() const {
    if (phase_ == Phase::menu) return screen_.usable() ? "Ctrl+Alt+Del" : sak_hint_;
    return attention_hint();
}

protocol::Screen State::screen() const {
    return {.mode = phase_ == Phase::login   ? ScreenMode::login
                    : phase_ == Phase::menu  ? ScreenMode::menu
                    : phase_ == Phase::power ? ScreenMode::power
                    : closing_               ? ScreenMode::closing
                                             : ScreenMode::session,
            .host = host_,
            .version = version_,
            .notices = notices_,
            .sak_hint = sak_hint(),
            .volume = phase_ == Phase::menu ? levels_.volume : "",
            .brightness = phase_ == Phase::menu ? levels_.brightness : ""};
}

void State::to_ui(protocol::ToUi message) {
    if (ui_ == Ui::ready) do_now(effect::SendUi{std::move(message)});
}

void State::start_ui() {
    if (ui_ != Ui::absent) return;
    ui_start_at_.reset();
    ui_ = Ui::starting;
    ui_since_ = now_;
    do_now(effect::StartUi{});
}

void State::stop_ui() {
    ui_start_at_.reset();
    if (ui_ != Ui::absent) do_now(effect::StopUi{});
    ui_ = Ui::absent;
}

void State::ui_failed(const std::string& why) {
    if (now_ - ui_since_ >= policy_.old_enough) ui_young_deaths_ = 0;
    ui_ = Ui::absent;
    if (phase_ == Phase::console) return;
    Duration delay = policy_.first_restart_delay;
    for (unsigned i = 0; i < ui_young_deaths_ && delay < policy_.longest_restart_delay; ++i) delay *= 2;
    ui_start_at_ = now_ + std::min(delay, policy_.longest_restart_delay);
    ++ui_young_deaths_;
    do_now(effect::Log{"the screen program ended", why});
}

void State::on(const event::Facts& e) {
    host_ = e.host;
    notices_ = e.notices;
    going_down_ = e.going_down;
    chord_ = e.chord;
    if (!going_down_.empty()) notices_.insert(notices_.begin(), going_down_);
    to_ui(screen());
    // Without the notice that says why, the refusal is wrong.
    if (going_down_.empty() &&
        std::erase_if(notes_, [](const auto& note) { return note.text == k_no_login; }) > 0) {
        to_ui(protocol::Clear{});
        show_again();
    }
}

void State::on(const event::Tick&) {
    screen_.tick(now_);
    if (ui_start_at_ && now_ >= *ui_start_at_) start_ui();
    if (ui_ == Ui::starting && now_ - ui_since_ >= policy_.ui_ready) {
        do_now(effect::StopUi{});
        ui_failed("did not become ready");
    }
    if (session_kill_at_ && now_ >= *session_kill_at_) {
        session_kill_at_.reset();
        do_now(effect::Log{"the session did not exit after its end", ""});
        do_now(effect::KillSession{});
    }
    if (waiting_login_ && sweep_until_ && now_ >= *sweep_until_)
        login(*std::exchange(waiting_login_, std::nullopt));
    if (settle_tell_at_ && now_ >= *settle_tell_at_) {
        settle_tell_at_.reset();
        const auto most = std::chrono::duration_cast<std::chrono::seconds>(policy_.settle_wait).count();
        tell(
            fmt::format("Waiting until the virtual machine of an earlier session is closed and saved, "
                        "{} s at most.",
                        most));
    }
    if (settle_until_ && now_ >= *settle_until_) {
        do_now(effect::Log{"earlier sessions did not close in time", ""});
        power_now();
    }
}

// --- What is on the screen ---

void State::enter(Phase phase) {
    phase_ = phase;
    to_ui(screen());
}

void State::show_again() {
    for (const auto& p : progress_) to_ui(p);
    for (const auto& note : notes_) to_ui(note);
    if (const auto* prompt = std::get_if<protocol::Prompt>(&question_)) to_ui(*prompt);
    if (const auto* choice = std::get_if<protocol::Choice>(&question_)) to_ui(*choice);
}

void State::forget() {
    notes_.clear();
    progress_.clear();
    question_ = {};
    show_standing();
    to_ui(protocol::Clear{});
}

void State::forget_remarks() {
    std::erase_if(notes_, [](const protocol::Note& note) { return note.style == NoteStyle::info; });
}

void State::relay(const protocol::Note& note) {
    notes_.push_back(note);
    if (notes_.size() > k_notes) notes_.erase(notes_.begin());
    if (phase_ == Phase::console) say_over_guest(note.text);
    to_ui(note);
}

void State::relay(const protocol::Progress& progress) {
    const auto same = std::ranges::find(progress_, progress.step, &protocol::Progress::step);
    if (same != progress_.end()) {
        *same = progress;
    } else {
        progress_.push_back(progress);
        if (progress_.size() > k_progress) progress_.erase(progress_.begin());
    }
    if (progress.state == protocol::StepState::undoing) begin_closing();
    if (progress.state == protocol::StepState::doing) screen_.progress(progress.text);
    to_ui(progress);
}

void State::ask(const Question& question) {
    question_ = question;
    if (phase_ != Phase::console)
        screen_.hide();
    else if (!screen_.usable())
        do_now(effect::StatusLine{question_text()});
    show_standing();
}

void State::relay(const protocol::Prompt& prompt) {
    ask(prompt);
    to_ui(prompt);
}

void State::relay(const protocol::Choice& choice) {
    ask(choice);
    to_ui(choice);
}

// --- What the UI says ---

void State::on(const event::UiSaid& e) {
    if (ui_ == Ui::absent) return;
    if (ui_rate_.exceeds(policy_.ui_messages_a_second, now_)) {
        do_now(effect::StopUi{});
        return ui_failed("sends more than a person can type");
    }
    if (std::holds_alternative<protocol::Ready>(e.message) && ui_ == Ui::starting) {
        ui_ = Ui::ready;
        to_ui(screen());
        show_again();
    } else if (ui_ == Ui::ready) {
        std::visit([this](const auto& m) { hear(m); }, e.message);
    }
}

void State::hear(const protocol::Login& m) {
    if (phase_ != Phase::login || waiting_login_) return;
    forget();
    if (!going_down_.empty()) {
        tell(std::string(k_no_login));  // The notice says why.
        to_ui(screen());                // The screen waits for no session: the next name may be typed.
    } else if (sweeping_) {
        waiting_login_ = m.user;
        sweep_until_ = now_ + policy_.sweep_wait;
        tell(fmt::format(
            "The session before yours is being cleaned up. Your login begins in {} s at the latest.",
            std::chrono::duration_cast<std::chrono::seconds>(policy_.sweep_wait).count()));
    } else {
        login(m.user);
    }
}

void State::hear(const protocol::Answer& m) {
    const auto* asked = std::get_if<protocol::Prompt>(&question_);
    if (!session_linked_ || asked == nullptr || asked->id != m.id) return;
    question_answered();
    do_now(effect::SendSession{m});
}

void State::question_answered() {
    question_ = {};
    show_standing();
}

void State::hear(const protocol::Chosen& m) {
    const auto* asked = std::get_if<protocol::Choice>(&question_);
    if (!session_linked_ || asked == nullptr || asked->id != m.id || m.index >= asked->options.size()) return;
    question_answered();
    do_now(effect::SendSession{m});
}

void State::hear(const protocol::Cancel& m) {
    if (waiting_login_) {
        waiting_login_.reset();
        forget();
        to_ui(screen());
    } else if (phase_ == Phase::session && session_linked_ && !closing_) {
        do_now(effect::SendSession{m});
    }
}

void State::hear(const protocol::Power& m) {
    if (phase_ != Phase::login || session_alive_) return;
    forget();
    go_down(m.action);
}

// --- The session process ---

void State::login(const WipedText& user) {
    waiting_login_.reset();
    session_alive_ = session_linked_ = true;
    session_end_.reset();
    closing_ = false;
    forget();
    enter(Phase::session);
    do_now(effect::StartSession{user});
}

void State::begin_closing() {
    screen_.end();
    if (!std::exchange(closing_, true) && phase_ == Phase::session) to_ui(screen());
}

void State::on(const event::SessionSaid& e) {
    if (session_linked_) std::visit([this](const auto& m) { relay(m); }, e.message);
}

void State::relay(const protocol::End& m) {
    take_terminal_back();
    begin_closing();
    session_end_ = m;
    session_kill_at_ = now_ + policy_.session_exit;
}

void State::on(const event::SessionClosed& e) {
    if (!session_linked_) return;
    session_linked_ = false;
    question_ = {};
    do_now(effect::CloseSession{});
    if (session_end_) return;
    take_terminal_back();
    begin_closing();
    do_now(effect::Log{"the session's messages ended", e.why});
    tell("The session is being closed.");
}

void State::back_to_login() {
    screen_.end();
    session_alive_ = session_linked_ = false;
    session_kill_at_.reset();
    const auto kept = std::exchange(notes_, {});
    forget();
    enter(Phase::login);
    for (const auto& note : kept) relay(note);
}

void State::on(const event::SessionStartFailed& e) {
    back_to_login();
    tell(Error(ErrorCode::G02, e.why));
}

void State::on(const event::SessionDied& e) {
    if (!session_alive_) return;
    take_terminal_back();
    if (session_end_) {
        // After a session that went well only what went wrong matters to the next user.
        if (session_end_->result == protocol::Outcome::done) forget_remarks();
        const AfterEnd power = session_end_->power;
        back_to_login();
        if (power != AfterEnd::nothing)
            go_down(power == AfterEnd::reboot ? PowerAction::reboot : PowerAction::poweroff);
        return;
    }
    do_now(effect::Log{"the session died", e.why});
    forget_remarks();
    back_to_login();
    tell(Error(ErrorCode::G01, e.why));
    sweeping_ = true;
    do_now(effect::StartSweeper{});
}

void State::on(const event::SweeperDone&) {
    sweeping_ = false;
    if (waiting_login_) login(*std::exchange(waiting_login_, std::nullopt));
}

// --- Power ---

void State::go_down(PowerAction action) {
    enter(Phase::power);
    tell(action == PowerAction::reboot ? "Restarting." : "Shutting down.");
    power_ = action;
    settle_tell_at_ = now_ + policy_.settle_notice;
    settle_until_ = now_ + policy_.settle_wait;
    do_now(effect::Settle{});
}

void State::power_now() {
    settle_tell_at_.reset();
    settle_until_.reset();
    if (power_) do_now(effect::Power{*std::exchange(power_, std::nullopt)});
}

void State::on(const event::Settled& e) {
    if (!e.why.empty()) do_now(effect::Log{"not every session could be closed", e.why});
    power_now();
}

void State::on(const event::PowerFailed& e) {
    if (phase_ != Phase::power) return;
    forget();
    enter(Phase::login);
    tell(Error(ErrorCode::G03, e.why));
}

}  // namespace berth::supervisor
