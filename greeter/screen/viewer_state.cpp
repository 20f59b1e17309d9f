// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/screen/viewer_state.h"

#include <algorithm>

namespace berth::screen {

using namespace protocol::screen;

Effects ViewerState::handle(const Event& event, BootTime now) {
    now_ = now;
    out_.clear();
    std::visit([this](const auto& e) { on(e); }, event);
    if (wanted_ != shown_) do_now(shown_ = wanted_);
    return std::move(out_);
}

std::optional<BootTime> ViewerState::deadline() const {
    if (next_ && words_until_) return std::min(*next_, *words_until_);
    return next_ ? next_ : words_until_;
}

void ViewerState::on(const event::Mapped&) {
    say(Hello{});
}

void ViewerState::on(const event::Told& e) {
    std::visit([this](const auto& message) { hear(message); }, e.message);
}

void ViewerState::on(const event::Answered& e) {
    say(Pong{e.ping});
}

void ViewerState::on(const event::Opened&) {
    if (link_ != Link::opening) return;
    link_ = Link::open;
    next_.reset();
}

void ViewerState::on(const event::Closed& e) {
    if (link_ == Link::none || link_ == Link::waiting) return;
    const bool answered = link_ != Link::opening;
    if (answered) say(Gone{e.why});
    do_now(effect::Disconnect{});
    link_ = Link::waiting;
    next_ = now_ + (answered ? times_.again : times_.soon);
    wanted_.guest = false;
}

void ViewerState::on(const event::Ready&) {
    // The screen may come before the answer to the whole connection.
    if (link_ != Link::open && link_ != Link::opening) return;
    link_ = Link::dark;
    next_ = now_ + times_.dark;
}

void ViewerState::on(const event::Picture&) {
    if (link_ == Link::open || link_ == Link::opening || link_ == Link::dark) show_guest();
}

void ViewerState::on(const event::Shown&) {
    if (link_ != Link::picture || frame_told_) return;
    frame_told_ = true;
    say(Frame{});
}

void ViewerState::on(const event::Tick&) {
    if (words_until_ && now_ >= *words_until_) {
        words_until_.reset();
        wanted_.words.clear();
    }
    if (!next_ || now_ < *next_) return;
    if (link_ == Link::dark)
        show_guest();
    else if (link_ == Link::waiting)
        connect();
    else
        on(event::Closed{});
}

void ViewerState::hear(const Guest& message) {
    leave();
    socket_ = message.socket;
    frame_told_ = false;
    connect();
}

void ViewerState::hear(const Progress& message) {
    if (link_ != Link::picture) wanted_.centre = message.text;
}

void ViewerState::hear(const Words& message) {
    wanted_.words = message.text;
    words_until_.reset();
    if (message.seconds > 0 && !message.text.empty())
        words_until_ = now_ + std::chrono::seconds(message.seconds);
}

void ViewerState::hear(const Ping& message) {
    do_now(effect::AskCompositor{message.id});
}

void ViewerState::hear(const SendKey&) {
    if (link_ == Link::picture || link_ == Link::dark) do_now(effect::SendKey{});
}

void ViewerState::hear(const GuestEnd&) {
    leave();
    wanted_.centre.clear();
}

void ViewerState::connect() {
    link_ = Link::opening;
    next_ = now_ + times_.answer;
    do_now(effect::Connect{socket_});
}

void ViewerState::leave() {
    if (link_ != Link::none && link_ != Link::waiting) do_now(effect::Disconnect{});
    link_ = Link::none;
    next_.reset();
    wanted_.guest = false;
}

void ViewerState::show_guest() {
    link_ = Link::picture;
    next_.reset();
    wanted_.guest = true;
    // Behind the guest it is over: what comes after it has a text of its own.
    wanted_.centre.clear();
}

}  // namespace berth::screen
