// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/greeter_link.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/plain_text.h"
#include "greeter/protocol/protocol.h"

namespace berth::session {
namespace {

constexpr size_t k_max_inbox = 64;  // more unread wishes than that is nonsense
// The greeter takes texts of 16 KiB, and a byte that is not UTF-8 travels as three.
constexpr size_t k_longest_text = 4096;
constexpr size_t k_options_together = 16 * 1024;

}  // namespace

GreeterLink::GreeterLink(UniqueFd socket, int signals, Report& report)
    : socket_(std::move(socket)), signals_(signals), wishes_(epoll_create1(EPOLL_CLOEXEC)), report_(report) {
    for (const int fd : {socket_.fd(), signals_}) {
        epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
        if (fd >= 0) (void)epoll_ctl(wishes_.get(), EPOLL_CTL_ADD, fd, &event);
    }
}

void GreeterLink::lose(const Error& why) {
    if (closed_) return;
    report_.event(Level::warning, "the greeter is gone", {{"error", why.to_log()}});
    closed_ = true;
    socket_.close();
}

void GreeterLink::send(const protocol::FromSession& message, int fd) {
    if (closed_) return;
    if (Status s = socket_.send(protocol::frame_of(message), fd); !s) lose(s.error());
}

void GreeterLink::take_messages() {
    while (!closed_) {
        auto message = socket_.receive();
        if (!message) return lose(message.error());
        if (!*message) return;
        auto said = protocol::read<protocol::ToSession>(**message);
        if (!said) return lose(said.error());
        if (std::holds_alternative<protocol::Cancel>(*said)) {
            cancelled_ = cancel_counts_;
            continue;
        }
        if (inbox_.size() >= k_max_inbox) return lose(Error(ErrorCode::I03, "too many messages"));
        inbox_.push_back(std::move(*said));
    }
}

int GreeterLink::poll_once(int timeout_ms, std::span<const Watched> watched) {
    std::vector<pollfd> p;
    p.push_back({.fd = closed_ ? -1 : socket_.fd(), .events = POLLIN, .revents = 0});
    p.push_back({.fd = signals_, .events = POLLIN, .revents = 0});
    for (const auto& w : watched) p.push_back({.fd = w.fd, .events = w.events, .revents = 0});
    if (poll(p.data(), p.size(), timeout_ms) <= 0) return -1;
    if (p[1].revents != 0) {
        signalfd_siginfo info{};
        if (read(signals_, &info, sizeof info) == sizeof info) {
            report_.event(Level::info, "asked to end by a signal",
                          {{"signal", std::to_string(info.ssi_signo)}});
            terminated_ = true;
        }
    }
    if (p[0].revents != 0) take_messages();
    for (size_t i = 2; i < p.size(); ++i)
        if (p[i].revents != 0) return p[i].fd;
    return -1;
}

Result<protocol::Start> GreeterLink::wait_for_start() {
    while (inbox_.empty() && !must_stop()) poll_once(-1, {});
    if (inbox_.empty()) return fail(ErrorCode::I03, "no \"start\" came");
    auto first = std::move(inbox_.front());
    inbox_.pop_front();
    if (auto* start = std::get_if<protocol::Start>(&first)) return std::move(*start);
    return fail(ErrorCode::I03, "the first message must be \"start\"");
}

template <typename Reply>
Result<Reply> GreeterLink::wait_for(uint64_t id) {
    while (true) {
        while (!inbox_.empty()) {
            auto message = std::move(inbox_.front());
            inbox_.pop_front();
            // Else a late answer to an earlier question, or a wish that has no meaning now.
            if (auto* reply = std::get_if<Reply>(&message); reply != nullptr && reply->id == id)
                return std::move(*reply);
        }
        if (must_stop()) return fail(ErrorCode::L05);
        poll_once(-1, {});
    }
}

Result<Secret> GreeterLink::ask(std::string_view text, bool echo) {
    const uint64_t id = next_id_++;
    send(protocol::Prompt{.id = id, .echo = echo, .text = cut_text(text, k_longest_text)});
    const auto answer = BERTH_TRY(wait_for<protocol::Answer>(id));
    return Secret::from(answer.text.view());
}

Result<size_t> GreeterLink::choose(std::string_view title, const std::vector<std::string>& options,
                                   size_t preset) {
    const uint64_t id = next_id_++;
    std::vector<std::string> rows = options;
    const size_t longest = std::max<size_t>(k_options_together / std::max<size_t>(rows.size(), 1), 8);
    for (std::string& row : rows) row = cut_text(row, longest);
    send(protocol::Choice{
        .id = id, .title = cut_text(title, k_longest_text), .options = std::move(rows), .preset = preset});
    const auto chosen = BERTH_TRY(wait_for<protocol::Chosen>(id));
    if (chosen.index >= options.size()) {
        lose(Error(ErrorCode::I03, "chosen: \"index\" must be one of the options"));
        return fail(ErrorCode::L05);
    }
    return chosen.index;
}

void GreeterLink::say(MessageStyle style, std::string_view text) {
    send(protocol::Note{.style = style, .text = cut_text(text, k_longest_text)});
}

void GreeterLink::progress(protocol::Progress progress) {
    progress.text = cut_text(progress.text, k_longest_text);
    send(progress);
}

void GreeterLink::status(std::string_view text, bool stands) {
    send(protocol::StatusText{.text = cut_text(text, k_longest_text), .stands = stands});
}

void GreeterLink::standing(const std::vector<std::string>& lines) {
    protocol::Standing standing{lines};
    for (std::string& line : standing.lines) line = cut_text(line, k_longest_text);
    send(standing);
}

Heard GreeterLink::listen(Duration timeout, std::span<const Watched> watched) {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    int ready = -1;
    if (inbox_.empty() && (!must_stop() || close_told_)) ready = poll_once(static_cast<int>(ms), watched);
    if (must_stop() && !close_told_) {
        close_told_ = true;
        return {.wish = Wish::close};
    }
    while (!inbox_.empty()) {
        const auto message = std::move(inbox_.front());
        inbox_.pop_front();
        const auto* vm = std::get_if<protocol::Vm>(&message);
        if (vm == nullptr) continue;
        switch (vm->action) {
            case protocol::VmAction::close:
                return {.wish = Wish::close};
            case protocol::VmAction::force_off:
                return {.wish = Wish::force_off};
            case protocol::VmAction::status:
                return {.wish = Wish::status};
        }
    }
    return ready >= 0 ? Heard{.wish = Wish::descriptor, .fd = ready} : Heard{};
}

bool GreeterLink::stopping() {
    if (!must_stop()) poll_once(0, {});
    return must_stop();
}

}  // namespace berth::session
