// SPDX-License-Identifier: GPL-3.0-or-later
// The session's end of the socket to the greeter.
#pragma once

#include <deque>

#include "base/fd.h"
#include "base/message.h"
#include "base/report.h"
#include "greeter/session/front_end.h"

namespace berth::session {

/// docs/architecture.md "Greeter <-> session" on `socket`; `signals` is a signalfd(2) of those that end a session, or -1.
/// A greeter that sends what is not a message counts as gone.
class GreeterLink final : public FrontEnd {
  public:
    GreeterLink(UniqueFd socket, int signals, Report& report);

    /// I03 when something else comes first, or nothing.
    Result<protocol::Start> wait_for_start();

    Result<Secret> ask(std::string_view text, bool echo) override;
    Result<size_t> choose(std::string_view title, const std::vector<std::string>& options,
                          size_t preset) override;
    void say(MessageStyle style, std::string_view text) override;
    void progress(protocol::Progress progress) override;
    void guest_screen(std::string_view socket, std::string_view vm) override {
        send(protocol::GuestScreen{.socket = std::string(socket), .vm = std::string(vm)});
    }
    void console(int fd, std::string_view vm) override {
        send(protocol::Console{.fd = {}, .vm = std::string(vm)}, fd);
    }
    void console_end() override { send(protocol::ConsoleEnd{}); }
    void status(std::string_view text, bool stands) override;
    void standing(const std::vector<std::string>& lines) override;
    void end(bool done) override {
        send(protocol::End{.result = done ? protocol::Outcome::done : protocol::Outcome::failed});
    }
    Heard listen(Duration timeout, std::span<const Watched> watched) override;
    bool stopping() override;
    int wish_fd() const override { return wishes_.get(); }
    void ignore_cancel() override {
        cancelled_ = false;
        cancel_counts_ = false;
    }

  private:
    void send(const protocol::FromSession& message, int fd = -1);
    void lose(const Error& why);
    /// Polls once, and takes what came into `inbox_`. The first of `watched` that is ready, else -1.
    int poll_once(int timeout_ms, std::span<const Watched> watched);
    void take_messages();
    /// Answer or Chosen; L05 when the session must stop.
    template <typename Reply>
    Result<Reply> wait_for(uint64_t id);
    bool must_stop() const { return closed_ || terminated_ || cancelled_; }

    MessageSocket socket_;
    int signals_;
    UniqueFd wishes_;  ///< epoll(7) on both.
    Report& report_;
    std::deque<protocol::ToSession> inbox_;
    uint64_t next_id_ = 1;
    bool closed_ = false;      ///< The greeter's end closed or spoke nonsense.
    bool terminated_ = false;  ///< A signal came.
    bool cancelled_ = false;   ///< Escape, while it counts.
    bool cancel_counts_ = true;
    bool close_told_ = false;
};

}  // namespace berth::session
