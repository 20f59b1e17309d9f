// SPDX-License-Identifier: GPL-3.0-or-later
// The greeter as the session sees it: who asks, tells, and is told to stop. One thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "greeter/protocol/messages.h"
#include "greeter/session/secret.h"

namespace berth::session {

using MessageStyle = protocol::NoteStyle;

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
    /// L05 when the session must stop.
    virtual Result<Secret> ask(std::string_view text, bool echo) = 0;
    virtual Result<size_t> choose(std::string_view title, const std::vector<std::string>& options,
                                  size_t preset) = 0;
    virtual void say(MessageStyle style, std::string_view text) = 0;
    virtual void progress(protocol::Progress progress) = 0;
    /// Its SPICE server will answer on that socket.
    virtual void guest_screen(std::string_view socket, std::string_view vm) = 0;
    virtual void console(int fd, std::string_view vm) = 0;
    virtual void console_end() = 0;
    /// `stands`: standing() says it, too, for as long as it is true.
    virtual void status(std::string_view text, bool stands) = 0;
    /// All that is true of the guest and should be seen for as long as it is; only where the guest has a screen.
    virtual void standing(const std::vector<std::string>& lines) = 0;
    virtual void end(bool done) = 0;
    /// Waits for the greeter or a descriptor. When the session must stop that is Wish::close, told once.
    virtual Heard listen(Duration timeout, std::span<const Watched> watched) = 0;
    /// Looks without waiting whether the session must stop: the user cancelled, the greeter is gone, or a
    /// signal came.
    virtual bool stopping() = 0;
    /// Readable when something came that may change stopping(), which then takes it; -1: nothing ever does.
    virtual int wish_fd() const { return -1; }
    /// From now on the user's Escape and an earlier one mean nothing (the session is being undone).
    virtual void ignore_cancel() = 0;
};

}  // namespace berth::session
