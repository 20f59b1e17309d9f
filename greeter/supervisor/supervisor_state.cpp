// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/supervisor_state.h"

#include <algorithm>

namespace berth::supervisor {
namespace {

using nlohmann::json;

constexpr size_t k_messages = 32;
constexpr size_t k_progress = 64;

}  // namespace

State::State(std::string version, std::string sak_hint, Policy policy)
    : version_(std::move(version)), sak_hint_(std::move(sak_hint)), policy_(policy) {}

Effects State::handle(const Event& event, BootTime now) {
    now_ = now;
    out_.clear();
    std::visit([this](const auto& e) { on(e); }, event);
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
    return first;
}

// --- The UI process ---

json State::screen() const {
    const char* mode = phase_ == Phase::login ? "login" : phase_ == Phase::menu ? "menu" : "session";
    return {{"type", "screen"},    {"mode", mode},        {"host", host_},
            {"version", version_}, {"notices", notices_}, {"sak_hint", sak_hint_}};
}

void State::to_ui(json message) {
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

void State::on(const event::Started&) {
    start_ui();
}

void State::on(const event::UiStartFailed& e) {
    ui_failed(e.why);
}

void State::on(const event::UiDied& e) {
    ui_failed(e.why);
}

void State::on(const event::Facts& e) {
    host_ = e.host;
    notices_ = e.notices;
    going_down_ = e.going_down;
    if (!going_down_.empty()) notices_.insert(notices_.begin(), going_down_);
    to_ui(screen());
}

void State::on(const event::Tick&) {
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
        show("info",
             fmt::format("Waiting until the virtual machine of an earlier session is closed and saved, "
                         "{} s at most.",
                         most));
    }
    if (settle_until_ && now_ >= *settle_until_) {
        do_now(effect::Log{"earlier sessions did not close in time", ""});
        power_now();
    }
}

// --- What stands on the screen ---

void State::enter(Phase phase) {
    phase_ = phase;
    to_ui(screen());
}

void State::show(std::string_view style, std::string text) {
    relay_to_ui({{"type", "message"}, {"style", style}, {"text", std::move(text)}});
}

void State::show_again() {
    for (const auto& p : progress_) to_ui(p);
    for (const auto& text : messages_) to_ui(text);
    if (question_) to_ui(*question_);
}

void State::forget() {
    messages_.clear();
    progress_.clear();
    question_.reset();
    to_ui({{"type", "clear"}});
}

void State::relay_to_ui(const json& message) {
    const auto& type = message["type"].get_ref<const std::string&>();
    if (type == "message") {
        messages_.push_back(message);
        if (messages_.size() > k_messages) messages_.erase(messages_.begin());
        if (phase_ == Phase::console) do_now(effect::StatusLine{message["text"].get<std::string>()});
    } else if (type == "progress") {
        const auto same = std::find_if(progress_.begin(), progress_.end(),
                                       [&](const json& p) { return p["step"] == message["step"]; });
        if (same != progress_.end()) {
            *same = message;
        } else {
            progress_.push_back(message);
            if (progress_.size() > k_progress) progress_.erase(progress_.begin());
        }
    } else {
        question_ = message;
        if (phase_ == Phase::console)
            do_now(effect::StatusLine{"Berth has a question for you: press " + sak_hint_});
    }
    to_ui(message);
}

// --- What the UI says ---

void State::on(const event::UiSaid& e) {
    if (ui_ == Ui::absent) return;
    if (now_ - ui_second_ >= std::chrono::seconds(1)) {
        ui_second_ = now_;
        ui_messages_ = 0;
    }
    if (++ui_messages_ > policy_.ui_messages_a_second) {
        do_now(effect::StopUi{});
        return ui_failed("sends more than a person can type");
    }
    const json& m = e.message;
    const auto& type = m["type"].get_ref<const std::string&>();
    if (type == "ready") {
        if (ui_ != Ui::starting) return;
        ui_ = Ui::ready;
        to_ui(screen());
        show_again();
        return;
    }
    if (ui_ != Ui::ready) return;
    if (type == "login") {
        if (phase_ != Phase::login || waiting_login_) return;
        forget();
        if (!going_down_.empty()) {
            show("info", going_down_);
        } else if (sweeping_) {
            waiting_login_ = m["user"].get<std::string>();
            sweep_until_ = now_ + policy_.sweep_wait;
            show("info", "One moment: the session before yours is being cleaned up.");
        } else {
            login(m["user"].get<std::string>());
        }
    } else if (type == "answer" || type == "chosen") {
        const bool is_answer = type == "answer";
        if (!session_linked_ || !question_ || (*question_)["id"] != m["id"] ||
            ((*question_)["type"] == "prompt") != is_answer)
            return;
        if (!is_answer && m["index"].get<size_t>() >= (*question_)["options"].size()) return;
        question_.reset();
        do_now(effect::SendSession{m});
    } else if (type == "cancel") {
        if (waiting_login_) {
            waiting_login_.reset();
            forget();
            to_ui(screen());
        } else if (phase_ == Phase::session && session_linked_) {
            do_now(effect::SendSession{m});
        }
    } else if (type == "power") {
        if (phase_ != Phase::login || session_alive_) return;
        forget();
        go_down(m["action"].get<std::string>());
    } else if (type == "menu") {
        if (phase_ == Phase::menu) menu(m["action"].get<std::string>());
    }
}

void State::menu(const std::string& action) {
    if (action == "back" || action == "send-key") {
        stop_ui();
        phase_ = Phase::console;
        std::erase_if(messages_, [](const json& m) { return m["style"] == "info"; });
        do_now(effect::ResumePump{});
        if (action == "send-key") do_now(effect::SendKey{});
        return;
    }
    if (!session_linked_) return;
    if (action == "close") show("info", "The VM was asked to shut down. This can take a while.");
    if (action == "force-off") show("info", "The VM is being switched off.");
    do_now(effect::SendSession{{{"type", "vm"}, {"action", action}}});
}

void State::on(const event::Attention&) {
    if (phase_ != Phase::console) return;
    phase_ = Phase::menu;
    do_now(effect::SuspendPump{});
    // A person asked for it: the back-off of earlier deaths does not count.
    ui_young_deaths_ = 0;
    start_ui();
}

// --- The session process ---

void State::login(const std::string& user) {
    waiting_login_.reset();
    session_alive_ = session_linked_ = true;
    session_end_.reset();
    forget();
    enter(Phase::session);
    do_now(effect::StartSession{user});
}

void State::take_terminal_back() {
    if (phase_ != Phase::console && phase_ != Phase::menu) return;
    const bool menu_up = phase_ == Phase::menu;
    do_now(effect::EndPump{});
    enter(Phase::session);
    // What the menu's actions said is over with the guest.
    std::erase_if(messages_, [](const json& m) { return m["style"] == "info"; });
    if (menu_up) {
        to_ui({{"type", "clear"}});
        show_again();
    } else {
        ui_young_deaths_ = 0;
        start_ui();
    }
}

void State::on(const event::SessionSaid& e) {
    const json& m = e.message;
    if (!session_linked_) return;
    const auto& type = m["type"].get_ref<const std::string&>();
    if (type == "clear") {
        forget();
    } else if (type == "status") {
        if (phase_ == Phase::console)
            do_now(effect::StatusLine{m["text"].get<std::string>()});
        else
            show("info", m["text"].get<std::string>());
    } else if (type == "console") {
        if (phase_ == Phase::session) {
            stop_ui();
            forget();
            phase_ = Phase::console;
            do_now(effect::StartPump{});
        }
    } else if (type == "console-end") {
        take_terminal_back();
    } else if (type == "end") {
        take_terminal_back();
        session_end_ = m;
        session_kill_at_ = now_ + policy_.session_exit;
    } else {
        relay_to_ui(m);
    }
}

void State::on(const event::SessionClosed& e) {
    if (!session_linked_) return;
    session_linked_ = false;
    question_.reset();
    do_now(effect::CloseSession{});
    if (session_end_) return;
    take_terminal_back();
    do_now(effect::Log{"the session's messages ended", e.why});
    show("info", "The session is being closed.");
}

void State::back_to_login() {
    session_alive_ = session_linked_ = false;
    session_kill_at_.reset();
    auto kept = std::exchange(messages_, {});
    forget();
    enter(Phase::login);
    for (const auto& m : kept) relay_to_ui(m);
}

void State::on(const event::SessionStartFailed& e) {
    back_to_login();
    show(Error(ErrorCode::G02, e.why));
}

void State::on(const event::SessionDied& e) {
    if (!session_alive_) return;
    take_terminal_back();
    if (session_end_) {
        // After a session that went well only what went wrong matters to the next user.
        if ((*session_end_)["result"] == "done")
            std::erase_if(messages_, [](const json& m) { return m["style"] == "info"; });
        const std::string power = (*session_end_)["power"].get<std::string>();
        back_to_login();
        if (!power.empty()) go_down(power);
        return;
    }
    do_now(effect::Log{"the session died", e.why});
    std::erase_if(messages_, [](const json& m) { return m["style"] == "info"; });
    back_to_login();
    show(Error(ErrorCode::G01, e.why));
    sweeping_ = true;
    do_now(effect::StartSweeper{});
}

void State::on(const event::SweeperDone&) {
    sweeping_ = false;
    if (waiting_login_) login(*std::exchange(waiting_login_, std::nullopt));
}

// --- Power ---

void State::go_down(std::string action) {
    enter(Phase::power);
    show("info", action == "reboot" ? "Restarting." : "Shutting down.");
    power_ = std::move(action);
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
    show(Error(ErrorCode::G03, e.why));
}

}  // namespace berth::supervisor
