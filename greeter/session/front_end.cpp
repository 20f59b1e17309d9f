// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/front_end.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/plain_text.h"

namespace berth::session {
namespace {

constexpr size_t k_max_inbox = 64;  // more unread wishes than that is nonsense
// The greeter takes texts of 16 KiB, and a byte that is no UTF-8 travels as three.
constexpr size_t k_longest_text = 4096;
constexpr size_t k_options_together = 16 * 1024;

void wipe_text(nlohmann::json& body) {
    if (!body.is_object() || !body.contains("text") || !body["text"].is_string()) return;
    auto& text = body["text"].get_ref<std::string&>();
    explicit_bzero(text.data(), text.size());
}

}  // namespace

Result<Start> parse_start(const nlohmann::json& body) {
    Start start;
    for (auto [key, value] :
         {std::pair{"user", &start.user}, {"tty", &start.tty}, {"session", &start.session}}) {
        if (!body.contains(key) || !body[key].is_string())
            return fail(ErrorCode::I03, "start: \"{}\" must be a string", key);
        *value = body[key].get<std::string>();
    }
    if (body.value("type", "") != "start") return fail(ErrorCode::I03, "the first message must be \"start\"");
    if (start.user.size() > 256 || !is_plain_text(start.user))
        return fail(ErrorCode::I03, "start: user must be at most 256 bytes without control characters");
    if (start.tty.size() > 64 || !is_plain_text(start.tty))
        return fail(ErrorCode::I03, "start: tty must be at most 64 bytes without control characters");
    const bool good =
        std::ranges::all_of(start.session, [](unsigned char c) { return isalnum(c) != 0 || c == '-'; });
    if (start.session.empty() || start.session.size() > 32 || !good)
        return fail(ErrorCode::I03, "start: session must be [A-Za-z0-9-]{{1,32}}");
    return start;
}

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

void GreeterLink::send(const nlohmann::json& body, int fd) {
    if (closed_) return;
    if (Status s = socket_.send(body, fd); !s) lose(s.error());
}

void GreeterLink::take_messages() {
    while (!closed_) {
        auto message = socket_.receive();
        if (!message) return lose(message.error());
        if (!*message) return;
        if ((*message)->type() == "cancel") {
            cancelled_ = cancel_counts_;
            continue;
        }
        if (inbox_.size() >= k_max_inbox) return lose(Error(ErrorCode::I03, "too many messages"));
        inbox_.push_back(std::move((*message)->body));
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

Result<Start> GreeterLink::wait_for_start() {
    while (inbox_.empty() && !must_stop()) poll_once(-1, {});
    if (inbox_.empty()) return fail(ErrorCode::I03, "no \"start\" came");
    const nlohmann::json body = std::move(inbox_.front());
    inbox_.pop_front();
    return parse_start(body);
}

Result<nlohmann::json> GreeterLink::wait_for_answer(std::string_view type, uint64_t id) {
    while (true) {
        while (!inbox_.empty()) {
            nlohmann::json body = std::move(inbox_.front());
            inbox_.pop_front();
            if (body["type"] == type && body.contains("id") && body["id"].is_number_unsigned() &&
                body["id"].get<uint64_t>() == id)
                return body;
            wipe_text(body);  // late answer to an earlier question, or a wish that has no meaning now
        }
        if (must_stop()) return fail(ErrorCode::L05);
        poll_once(-1, {});
    }
}

Result<Secret> GreeterLink::ask(std::string_view text, bool echo) {
    const uint64_t id = next_id_++;
    send({{"type", "prompt"}, {"id", id}, {"echo", echo}, {"text", cut_text(text, k_longest_text)}});
    auto body = wait_for_answer("answer", id);
    if (!body) return fail(body.error());
    if (!body->contains("text") || !(*body)["text"].is_string()) {
        lose(Error(ErrorCode::I03, "answer: \"text\" must be a string"));
        return fail(ErrorCode::L05);
    }
    auto secret = Secret::from((*body)["text"].get_ref<const std::string&>());
    wipe_text(*body);
    return secret;
}

Result<size_t> GreeterLink::choose(std::string_view title, const std::vector<std::string>& options,
                                   size_t preset) {
    const uint64_t id = next_id_++;
    std::vector<std::string> rows = options;
    const size_t longest = std::max<size_t>(k_options_together / std::max<size_t>(rows.size(), 1), 8);
    for (std::string& row : rows) row = cut_text(row, longest);
    send({{"type", "choice"},
          {"id", id},
          {"title", cut_text(title, k_longest_text)},
          {"options", rows},
          {"default", preset}});
    auto body = wait_for_answer("chosen", id);
    if (!body) return fail(body.error());
    if (!body->contains("index") || !(*body)["index"].is_number_unsigned() ||
        (*body)["index"].get<uint64_t>() >= options.size()) {
        lose(Error(ErrorCode::I03, "chosen: \"index\" must be one of the options"));
        return fail(ErrorCode::L05);
    }
    return (*body)["index"].get<size_t>();
}

void GreeterLink::say(MessageStyle style, std::string_view text) {
    send({{"type", "message"},
          {"style", style == MessageStyle::info ? "info" : "error"},
          {"text", cut_text(text, k_longest_text)}});
}

void GreeterLink::progress(const ProgressLine& line) {
    send({{"type", "progress"},
          {"step", line.step},
          {"text", cut_text(line.text, k_longest_text)},
          {"state", line.state},
          {"index", line.index},
          {"of", line.of}});
}

void GreeterLink::clear() {
    send({{"type", "clear"}});
}

void GreeterLink::console(int fd, std::string_view vm) {
    send({{"type", "console"}, {"fd", true}, {"vm", vm}}, fd);
}

void GreeterLink::console_end() {
    send({{"type", "console-end"}});
}

void GreeterLink::status(std::string_view text) {
    send({{"type", "status"}, {"text", cut_text(text, k_longest_text)}});
}

void GreeterLink::end(bool done, std::string_view power) {
    send({{"type", "end"}, {"result", done ? "done" : "failed"}, {"power", power}});
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
        nlohmann::json body = std::move(inbox_.front());
        inbox_.pop_front();
        wipe_text(body);
        if (body["type"] != "vm") continue;
        const std::string action =
            body.contains("action") && body["action"].is_string() ? body["action"].get<std::string>() : "";
        if (action == "close") return {.wish = Wish::close};
        if (action == "force-off") return {.wish = Wish::force_off};
        if (action == "status") return {.wish = Wish::status};
        lose(Error(ErrorCode::I03, "vm: unknown action"));
    }
    return ready >= 0 ? Heard{.wish = Wish::descriptor, .fd = ready} : Heard{};
}

bool GreeterLink::stopping() {
    if (!must_stop()) poll_once(0, {});
    return must_stop();
}

}  // namespace berth::session
