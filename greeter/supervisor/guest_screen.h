// SPDX-License-Identifier: GPL-3.0-or-later
// The guest's screen as the supervisor sees it: VT 2 with compositor and viewer (berth-screen), begun for a session
// whose guest has a screen. When it dies or hangs it is started again; when it fails twice the session goes on without.
// Pure: it appends what it wants done to the effects of State (supervisor_state.h), which passes its events on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "greeter/protocol/messages.h"
#include "greeter/protocol/screen_messages.h"
#include "greeter/supervisor/effects.h"

namespace berth::supervisor {

struct ScreenPolicy {
    Duration hello = std::chrono::seconds(60);   ///< From the begin to the viewer's window.
    Duration pong = std::chrono::seconds(3);     ///< A compositor or viewer that takes longer hangs.
    Duration words = std::chrono::seconds(15);   ///< How long a line is over the guest.
    unsigned failures = 2;                       ///< So many, and the session goes on with the serial line.
    Duration healthy = std::chrono::minutes(5);  ///< A viewer that lived so long failed of something new.
};

class GuestScreen {
  public:
    GuestScreen(ScreenPolicy policy, Effects& out) : policy_(policy), out_(out) {}

    /// A session's guest has a screen: VT 2 is in front from now on, with what Berth does until the guest's first frame.
    void begin(const protocol::GuestScreen& guest, BootTime now);
    /// VT 1 is in front; compositor and viewer go. Nothing without a begin().
    void end();

    /// From begin() to end(), or until it has failed too often.
    bool usable() const { return guest_.has_value(); }
    bool in_front() const { return in_front_; }
    /// Whether it has failed too often since the last call.
    bool take_failure() { return std::exchange(failed_, false); }

    void show(BootTime now);
    void hide();
    void progress(const std::string& text);
    /// A line over the guest for a while, instead of the one before. Without text: no more.
    void words(const std::string& text, BootTime now);
    /// The lines over the guest for as long as they are not others, those of words() beneath them.
    void standing(std::vector<std::string> lines, BootTime now);
    void send_key();

    void said(const protocol::FromScreen& message, BootTime now);
    /// Its process ended, could not be started, or broke the protocol.
    void gone(const std::string& why, BootTime now);
    void tick(BootTime now);
    std::optional<BootTime> deadline() const;

  private:
    void start(BootTime now);
    void send(protocol::ToScreen message);
    void stop();
    void forget();
    protocol::screen::Words words_now() const;
    void say_words();
    void pass_words(BootTime now);
    void hear(const protocol::screen::Hello&);
    void hear(const protocol::screen::Frame&) {}
    void hear(const protocol::screen::Pong& m);
    void hear(const protocol::screen::Gone& m);

    ScreenPolicy policy_;
    Effects& out_;
    std::optional<protocol::GuestScreen> guest_;
    bool in_front_ = false, hello_ = false;
    bool stopped_ =
        false;  ///< Until the next show(): a compositor can begin on the terminal that is in front only.
    std::string progress_;
    std::vector<std::string> standing_;
    std::string words_;
    std::optional<BootTime> words_until_;
    protocol::screen::Words said_;  ///< What the viewer was told last.
    BootTime since_, now_;
    unsigned failures_ = 0;
    uint64_t pings_ = 0;
    std::optional<BootTime> hello_by_, pong_by_;
    bool failed_ = false;
};

}  // namespace berth::supervisor
