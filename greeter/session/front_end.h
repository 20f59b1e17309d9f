// SPDX-License-Identifier: GPL-3.0-or-later
// The greeter as the session sees it: who asks, tells, and is told to stop. One thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/message.h"
#include "base/report.h"
#include "base/result.h"
#include "greeter/session/secret.h"

namespace berth::session {

enum class MessageStyle { info, error };

struct ProgressLine {
    std::string_view step, text, state;
    size_t index = 0, of = 0;
};

/// What came while nobody was asked anything.
enum class Wish { none, close, force_off, status, descriptor };

struct Heard {
    Wish wish = Wish::none;
    int fd = -1;  ///< Wish::descriptor: which one is ready (or hung up).
};

/// A descriptor to watch besides the greeter's; `events` as in poll(2), hang-up and error are always watched.
struct Watched {
    int fd;
    short events;
};

class FrontEnd {
  public:
    virtual ~FrontEnd() = default;
    /// L05 when the user gives up, the greeter is gone or the session must end.
    virtual Result<Secret> ask(std::string_view text, bool echo) = 0;
    virtual Result<size_t> choose(std::string_view title, const std::vector<std::string>& options,
                                  size_t preset) = 0;
    virtual void say(MessageStyle style, std::string_view text) = 0;
    virtual void progress(const ProgressLine& line) = 0;
    virtual void clear() = 0;
    virtual void console(int fd, std::string_view vm) = 0;
    virtual void console_end() = 0;
    virtual void status(std::string_view text) = 0;
    virtual void end(bool done, std::string_view power) = 0;
    /// Waits for the greeter or a descriptor. A greeter that is gone and SIGTERM are Wish::close, told once;
    /// `stopping` stays true.
    virtual Heard listen(Duration timeout, std::span<const Watched> watched) = 0;
    /// Looks without waiting whether the session should stop: the user gave up, the greeter is gone, or
    /// SIGTERM came.
    virtual bool stopping() = 0;
    /// Readable when something came that may change stopping(), which then takes it; -1: nothing ever does.
    virtual int wish_fd() const { return -1; }
    /// From now on the user's Escape and an earlier one mean nothing (the session is being undone).
    virtual void ignore_cancel() = 0;
};

/// The first message of the greeter.
struct Start {
    std::string user, tty, session;
};

/// The real one: docs/architecture.md "Greeter <-> session" on `socket`; `signals` is a signalfd(2) of
/// SIGTERM, or -1.
class GreeterLink final : public FrontEnd {
  public:
    GreeterLink(UniqueFd socket, int signals, Report& report);

    /// Waits for "start" and checks it: session [A-Za-z0-9-]{1,32}, user at most 256 bytes without control
    /// characters.
    Result<Start> wait_for_start();

    Result<Secret> ask(std::string_view text, bool echo) override;
    Result<size_t> choose(std::string_view title, const std::vector<std::string>& options,
                          size_t preset) override;
    void say(MessageStyle style, std::string_view text) override;
    void progress(const ProgressLine& line) override;
    void clear() override;
    void console(int fd, std::string_view vm) override;
    void console_end() override;
    void status(std::string_view text) override;
    void end(bool done, std::string_view power) override;
    Heard listen(Duration timeout, std::span<const Watched> watched) override;
    bool stopping() override;
    int wish_fd() const override { return wishes_.get(); }
    void ignore_cancel() override {
        cancelled_ = false;
        cancel_counts_ = false;
    }

  private:
    void send(const nlohmann::json& body, int fd = -1);
    void lose(const Error& why);
    /// Polls once; takes what came into `inbox_`.
    int poll_once(int timeout_ms, std::span<const Watched> watched);
    void take_messages();
    Result<nlohmann::json> wait_for_answer(std::string_view type, uint64_t id);
    bool must_stop() const { return closed_ || terminated_ || cancelled_; }

    MessageSocket socket_;
    int signals_;
    UniqueFd wishes_;  ///< epoll(7) on both.
    Report& report_;
    std::deque<nlohmann::json> inbox_;
    uint64_t next_id_ = 1;
    bool closed_ = false;      ///< The greeter's end closed or spoke nonsense.
    bool terminated_ = false;  ///< SIGTERM came.
    bool cancelled_ = false;   ///< Escape, while it counts.
    bool cancel_counts_ = true;
    bool close_told_ = false;
};

/// Pure: checks a "start" message. I03 names the field and what it must be.
Result<Start> parse_start(const nlohmann::json& body);

}  // namespace berth::session
