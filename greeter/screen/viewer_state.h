// SPDX-License-Identifier: GPL-3.0-or-later
// What the viewer does next, as a pure state machine: events in, effects out, no system call. What is on the screen, when
// the guest is tried again, and what the greeter is told are here.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "greeter/protocol/screen_messages.h"

namespace berth::screen {

namespace event {
struct Mapped {};  ///< The window is on the screen.
struct Told {
    protocol::ToScreen message;
};
struct Answered {
    uint64_t ping = 0;
};  ///< The compositor answered what AskCompositor asked.
struct Opened {};  ///< The guest's server answered.
struct Closed {
    std::string why;
};  ///< It did not, or does no longer.
struct Ready {};    ///< The guest has a screen, which may still be of one colour.
struct Picture {};  ///< Its screen has something on it.
struct Shown {};    ///< What Show{guest} asked for is on the screen.
struct Tick {};
}  // namespace event
using Event = std::variant<event::Mapped, event::Told, event::Answered, event::Opened, event::Closed,
                           event::Ready, event::Picture, event::Shown, event::Tick>;

namespace effect {
/// Without what was connected before; ends in Opened or Closed.
struct Connect {
    std::string socket;
    bool operator==(const Connect&) const = default;
};
/// No event of that connection comes any more.
struct Disconnect {
    bool operator==(const Disconnect&) const = default;
};
/// The whole of what is on the screen. When `guest` becomes true, Shown follows.
struct Show {
    bool guest = false;  ///< Else a dark screen.
    std::string centre;  ///< In the middle of the dark screen.
    std::string words;   ///< Over all; empty: no line there.
    bool operator==(const Show&) const = default;
};
struct AskCompositor {
    uint64_t ping = 0;
    bool operator==(const AskCompositor&) const = default;
};
struct SendKey {
    bool operator==(const SendKey&) const = default;
};  ///< Ctrl+Alt+Del to the guest.
struct Say {
    protocol::FromScreen message;
    bool operator==(const Say&) const = default;
};
}  // namespace effect
using Effect = std::variant<effect::Connect, effect::Disconnect, effect::Show, effect::AskCompositor,
                            effect::SendKey, effect::Say>;
using Effects = std::vector<Effect>;

struct Times {
    /// From an attempt that nobody answered to the next: the VM is being started, and its first frame is waited for.
    Duration soon = std::chrono::milliseconds(100);
    Duration again = std::chrono::seconds(1);    ///< From the end of a connection to the next attempt.
    Duration answer = std::chrono::seconds(10);  ///< A server that does not answer for so long is tried anew.
    /// So long a guest's screen of one colour is waited with: firmware and boot loaders begin with one. A guest that stays
    /// dark is shown then, too.
    Duration dark = std::chrono::seconds(3);
};

class ViewerState {
  public:
    explicit ViewerState(Times times = {}) : times_(times) {}

    Effects handle(const Event& event, BootTime now);
    /// When the next Tick is wanted.
    std::optional<BootTime> deadline() const;

  private:
    enum class Link {
        none,     ///< No guest.
        waiting,  ///< Tried again at `next_`.
        opening,  ///< Cancelled at `next_`.
        open,
        dark,  ///< With a screen of one colour, shown at `next_`.
        picture,
    };

    void on(const event::Mapped&);
    void on(const event::Told& e);
    void on(const event::Answered& e);
    void on(const event::Opened&);
    void on(const event::Closed& e);
    void on(const event::Ready&);
    void on(const event::Picture&);
    void on(const event::Shown&);
    void on(const event::Tick&);

    void hear(const protocol::screen::Guest& message);
    void hear(const protocol::screen::Progress& message);
    void hear(const protocol::screen::Words& message);
    void hear(const protocol::screen::Ping& message);
    void hear(const protocol::screen::SendKey&);
    void hear(const protocol::screen::GuestEnd&);

    void do_now(Effect effect) { out_.push_back(std::move(effect)); }
    void say(protocol::FromScreen message) { do_now(effect::Say{std::move(message)}); }
    void connect();
    void leave();
    void show_guest();

    Times times_;
    Link link_ = Link::none;
    std::string socket_;
    bool frame_told_ = false;
    std::optional<BootTime> next_, words_until_;
    effect::Show wanted_, shown_;
    BootTime now_;
    Effects out_;
};

}  // namespace berth::screen
