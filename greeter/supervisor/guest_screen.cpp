// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/guest_screen.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/plain_text.h"

namespace berth::supervisor {

namespace to_viewer = protocol::screen;

constexpr size_t k_why = 200;
constexpr size_t k_longest_words = 4096;

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
    standing_.clear();
    words_.clear();
    words_until_.reset();
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

void GuestScreen::words(const std::string& text, BootTime now) {
    if (!guest_) return;
    now_ = now;
    words_ = text;
    words_until_.reset();
    if (!text.empty()) words_until_ = now + policy_.words;
    say_words();
}

void GuestScreen::standing(std::vector<std::string> lines, BootTime now) {
    if (!guest_) return;
    // It may come before the tick of a line whose time is over.
    pass_words(now);
    standing_ = std::move(lines);
    say_words();
}

/// Where nothing stands the viewer itself takes the line away in time.
to_viewer::Words GuestScreen::words_now() const {
    using std::chrono::ceil, std::chrono::seconds;
    auto lines = standing_;
    if (!words_.empty()) lines.push_back(words_);
    const bool passes = words_until_ && standing_.empty();
    return {.text = cut_text(fmt::format("{}", fmt::join(lines, "\n")), k_longest_words),
            .seconds = passes ? static_cast<uint64_t>(ceil<seconds>(*words_until_ - now_).count()) : 0};
}

void GuestScreen::pass_words(BootTime now) {
    now_ = now;
    if (!words_until_ || now < *words_until_) return;
    words_.clear();
    words_until_.reset();
    if (standing_.empty())
        said_ = {};
    else
        say_words();
}

/// The same line that comes again has its whole time again.
void GuestScreen::say_words() {
    auto words = words_now();
    if (words == said_ && words.seconds == 0) return;
    said_ = words;
    send(std::move(words));
}

void GuestScreen::send_key() {
    send(to_viewer::SendKey{});
}

void GuestScreen::said(const protocol::FromScreen& message, BootTime now) {
    if (!guest_) return;
    pass_words(now);
    std::visit([this](const auto& m) { hear(m); }, message);
}

void GuestScreen::hear(const protocol::screen::Hello&) {
    if (std::exchange(hello_, true)) return;
    hello_by_.reset();
    if (!progress_.empty()) send(to_viewer::Progress{progress_});
    send(to_viewer::Guest{guest_->socket, guest_->vm});
    said_ = {};
    say_words();
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
    pass_words(now);
    if (hello_by_ && now >= *hello_by_) gone("no picture", now);
    if (pong_by_ && now >= *pong_by_) gone("does not answer", now);
}

std::optional<BootTime> GuestScreen::deadline() const {
    std::optional<BootTime> first;
    for (const auto& at : {hello_by_, pong_by_, words_until_})
        if (at && (!first || *at < *first)) first = at;
    return first;
}

}  // namespace berth::supervisor
