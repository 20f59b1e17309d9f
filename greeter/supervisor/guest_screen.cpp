// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/guest_screen.h"

#include <algorithm>

namespace berth::supervisor {

namespace to_viewer = protocol::screen;

constexpr size_t k_why = 200;

void GuestScreen::begin(const protocol::GuestScreen& guest, BootTime now) {
    end();
    guest_ = guest;
    failures_ = 0;
    failed_ = false;
    start(now);
    in_front_ = true;
}

void GuestScreen::start(BootTime now) {
    hello_ = stopped_ = false;
    since_ = now;
    hello_by_ = now + policy_.hello;
    pong_by_.reset();
    out_.emplace_back(effect::StartScreen{});
}

void GuestScreen::stop() {
    hello_ = false;
    stopped_ = true;
    hello_by_.reset();
    pong_by_.reset();
    out_.emplace_back(effect::StopScreen{});
}

void GuestScreen::forget() {
    guest_.reset();
    progress_.clear();
    words_.reset();
    in_front_ = false;
}

void GuestScreen::end() {
    if (!guest_) return;
    stop();
    forget();
}

void GuestScreen::send(protocol::ToScreen message) {
    if (hello_) out_.emplace_back(effect::SendScreen{std::move(message)});
}

void GuestScreen::show(BootTime now) {
    if (!guest_) return;
    in_front_ = true;
    if (stopped_) return start(now);
    out_.emplace_back(effect::ShowScreen{});
    if (!hello_) return;
    pong_by_ = now + policy_.pong;
    send(to_viewer::Ping{++pings_});
}

void GuestScreen::hide() {
    if (!std::exchange(in_front_, false)) return;
    pong_by_.reset();
    // One that is still beginning would take the terminal that comes to the front now.
    if (!hello_) return stop();
    out_.emplace_back(effect::ShowText{});
}

void GuestScreen::progress(const std::string& text) {
    progress_ = text;
    send(to_viewer::Progress{text});
}

void GuestScreen::words(const std::string& text, BootTime now, bool stay) {
    const auto seconds = stay ? 0 : std::chrono::duration_cast<std::chrono::seconds>(policy_.words).count();
    words_ = to_viewer::Words{text, static_cast<uint64_t>(seconds)};
    words_until_.reset();
    if (!stay) words_until_ = now + policy_.words;
    send(*words_);
}

void GuestScreen::send_key() {
    send(to_viewer::SendKey{});
}

void GuestScreen::said(const protocol::FromScreen& message, BootTime now) {
    if (!guest_) return;
    if (words_until_ && now >= *words_until_) words_.reset();
    std::visit([this](const auto& m) { hear(m); }, message);
}

void GuestScreen::hear(const protocol::screen::Hello&) {
    if (std::exchange(hello_, true)) return;
    hello_by_.reset();
    if (!progress_.empty()) send(to_viewer::Progress{progress_});
    send(to_viewer::Guest{guest_->socket, guest_->vm});
    if (words_) send(*words_);
}

void GuestScreen::hear(const protocol::screen::Pong& m) {
    if (m.id == pings_) pong_by_.reset();
}

void GuestScreen::hear(const protocol::screen::Gone& m) {
    out_.emplace_back(effect::Log{"the guest's screen is not connected", m.why.substr(0, k_why)});
}

void GuestScreen::gone(const std::string& why, BootTime now) {
    if (!guest_ || stopped_) return;
    out_.emplace_back(effect::Log{"the guest's screen ended", why});
    if (now - since_ >= policy_.healthy) failures_ = 0;
    // What is left of it goes first: a process that is stopped does not end alone.
    stop();
    if (++failures_ >= policy_.failures) {
        forget();
        failed_ = true;
    } else if (in_front_) {
        start(now);
    }
}

void GuestScreen::tick(BootTime now) {
    if (hello_by_ && now >= *hello_by_) gone("no picture", now);
    if (pong_by_ && now >= *pong_by_) gone("does not answer", now);
}

std::optional<BootTime> GuestScreen::deadline() const {
    if (hello_by_ && pong_by_) return std::min(*hello_by_, *pong_by_);
    return hello_by_ ? hello_by_ : pong_by_;
}

}  // namespace berth::supervisor
