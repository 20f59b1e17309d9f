// SPDX-License-Identifier: GPL-3.0-or-later
// The part of State in which a guest has the terminal or the screen, and the menu over it.
#include "greeter/supervisor/supervisor_state.h"

namespace berth::supervisor {

using protocol::MenuAction;
using protocol::VmAction;

namespace {

bool is_level(MenuAction action) {
    using enum MenuAction;
    return action == louder || action == quieter || action == mute || action == brighter || action == darker;
}

}  // namespace

void State::relay(const protocol::GuestScreen& m) {
    if (phase_ != Phase::session || closing_) return;
    screen_lost_ = false;
    screen_.begin(m, now_);
}

void State::relay(const protocol::Console&) {
    if (phase_ != Phase::session) return;
    stop_ui();
    forget();
    phase_ = Phase::console;
    do_now(effect::StartPump{});
    if (screen_.usable()) give_guest_the_screen();
    tell_screen_lost();
}

/// The guest's serial line stays to read from, or a guest that writes to it would wait; nobody sees it.
void State::give_guest_the_screen() {
    do_now(effect::SuspendPump{});
    if (!screen_.in_front()) screen_.show(now_);
}

void State::lose_screen() {
    screen_lost_ = true;
    if (phase_ != Phase::console) return;
    do_now(effect::ResumePump{});
    tell_screen_lost();
}

void State::tell_screen_lost() {
    if (!std::exchange(screen_lost_, false)) return;
    do_now(effect::StatusLine{"The screen failed: this is the serial line of your virtual machine"});
    for (const auto& line : what_stands()) do_now(effect::StatusLine{line});
}

void State::say_over_guest(const std::string& text) {
    if (screen_.usable())
        screen_.words(text, now_);
    else
        do_now(effect::StatusLine{text});
}

void State::relay(const protocol::StatusText& m) {
    if (phase_ != Phase::console) return tell(m.text);
    // What stands is over the guest anyway; what was said before is old.
    say_over_guest(m.stands && screen_.usable() ? "" : m.text);
}

void State::relay(const protocol::Standing& m) {
    if (phase_ != Phase::console && phase_ != Phase::menu) return;
    standing_ = m.lines;
    show_standing();
}

std::string State::question_text() const {
    return "Berth has a question for you: press " + attention_hint();
}

std::vector<std::string> State::what_stands() const {
    auto lines = standing_;
    if (question_.index() != 0) lines.push_back(question_text());
    return lines;
}

void State::show_standing() {
    screen_.standing(what_stands(), now_);
}

void State::on(const event::Attention&) {
    if (phase_ == Phase::session) screen_.hide();
    if (phase_ != Phase::console) {
        // Only a chord comes here: what is typed is the UI's, which answers to its key itself.
        const protocol::Note real{protocol::NoteStyle::info, "This is the real Berth screen."};
        if (phase_ != Phase::menu && (notes_.empty() || notes_.back() != real)) relay(real);
        return;
    }
    phase_ = Phase::menu;
    if (screen_.usable())
        screen_.hide();
    else
        do_now(effect::SuspendPump{});
    do_now(effect::AskLevels{});
    // A person asked for it: the back-off of earlier deaths does not count.
    ui_young_deaths_ = 0;
    start_ui();
}

void State::on(const event::Levels& e) {
    levels_ = e;
    if (phase_ == Phase::menu) to_ui(screen());
}

void State::hear(const protocol::Menu& m) {
    if (phase_ != Phase::menu) return;
    if (is_level(m.action)) return do_now(effect::AskLevels{m.action});
    if (m.action == MenuAction::back || m.action == MenuAction::send_key) {
        stop_ui();
        phase_ = Phase::console;
        forget_remarks();
        const bool key = m.action == MenuAction::send_key;
        if (screen_.usable()) {
            screen_.show(now_);
            if (key) screen_.send_key();
        } else {
            do_now(effect::ResumePump{});
            tell_screen_lost();
            if (key) do_now(effect::SendKey{});
        }
        return;
    }
    if (!session_linked_) return;
    if (m.action == MenuAction::force_off) tell("The VM is being switched off.");
    do_now(effect::SendSession{protocol::Vm{m.action == MenuAction::close       ? VmAction::close
                                            : m.action == MenuAction::force_off ? VmAction::force_off
                                                                                : VmAction::status}});
}

void State::take_terminal_back() {
    if (phase_ != Phase::console && phase_ != Phase::menu) return;
    const bool menu_up = phase_ == Phase::menu;
    closing_ = true;
    screen_.end();
    standing_.clear();
    do_now(effect::EndPump{});
    enter(Phase::session);
    // What the menu's actions said is over with the guest.
    forget_remarks();
    if (menu_up) {
        to_ui(protocol::Clear{});
        show_again();
    } else {
        ui_young_deaths_ = 0;
        start_ui();
    }
}

}  // namespace berth::supervisor
