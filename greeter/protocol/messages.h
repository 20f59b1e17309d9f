// SPDX-License-Identifier: GPL-3.0-or-later
// What greeter, screen and session say to each other (docs/architecture.md "Messages"): a struct for each message, a
// variant for each direction. protocol.h reads and writes them, forms.h says how they look on the way.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/message_descriptor.h"
#include "base/wiped_text.h"

namespace berth::protocol {

enum class ScreenMode { login, session, closing, menu, power };
enum class NoteStyle { info, error };
enum class StepState { doing, done, failed, undoing };
enum class PowerAction { poweroff, reboot };
enum class MenuAction { back, close, force_off, status, send_key, louder, quieter, mute, brighter, darker };
enum class VmAction { close, force_off, status };
enum class Outcome { done, failed };
enum class AfterEnd { nothing, poweroff, reboot };

// --- To the screen ---

/// What to draw from now on. `login` asks the user name itself; Escape cancels a `session`, and does nothing while one is
/// `closing` or the workstation goes down (`power`); `menu` is the secure-attention menu.
struct Screen {
    ScreenMode mode = ScreenMode::login;
    std::string host, version;
    std::vector<std::string> notices;
    std::string sak_hint;
    std::string volume, brightness;  ///< In words, for the menu; empty: the workstation has none.
    bool operator==(const Screen&) const = default;
};
/// Asks; answered once by an Answer with the same id.
struct Prompt {
    uint64_t id = 0;
    bool echo = false;
    std::string text;
    bool operator==(const Prompt&) const = default;
};
/// "message": on the screen until Clear.
struct Note {
    NoteStyle style = NoteStyle::info;
    std::string text;
    bool operator==(const Note&) const = default;
};
/// Answered by a Chosen with the same id.
struct Choice {
    uint64_t id = 0;
    std::string title;
    std::vector<std::string> options;
    uint64_t preset = 0;  ///< "default"; may be none of them.
    bool operator==(const Choice&) const = default;
};
/// A step of the session.
struct Progress {
    std::string step, text;
    StepState state = StepState::doing;
    uint64_t index = 0, of = 0;
    bool operator==(const Progress&) const = default;
};
/// Forget messages and progress.
struct Clear {
    bool operator==(const Clear&) const = default;
};
using ToUi = std::variant<Screen, Prompt, Note, Choice, Progress, Clear>;

// --- From the screen ---

/// Its terminal is set up.
struct Ready {
    bool operator==(const Ready&) const = default;
};
/// The name that was typed. Passwords are typed there by mistake.
struct Login {
    WipedText user;
    bool operator==(const Login&) const = default;
};
struct Answer {
    uint64_t id = 0;
    WipedText text;
    bool operator==(const Answer&) const = default;
};
struct Chosen {
    uint64_t id = 0, index = 0;
    bool operator==(const Chosen&) const = default;
};
/// Escape: this login is cancelled.
struct Cancel {
    bool operator==(const Cancel&) const = default;
};
/// Confirmed by the user.
struct Power {
    PowerAction action = PowerAction::poweroff;
    bool operator==(const Power&) const = default;
};
struct Menu {
    MenuAction action = MenuAction::back;
    bool operator==(const Menu&) const = default;
};
using FromUi = std::variant<Ready, Login, Answer, Chosen, Cancel, Power, Menu>;

// --- To the session ---

/// The first message.
struct Start {
    WipedText user;            ///< At most 256 bytes without control characters.
    std::string tty, session;  ///< At most 64 bytes without control characters; [A-Za-z0-9-]{1,32}.
    /// The monitor's mode, in pixels; 0: the workstation has no display, or none that a guest could have.
    uint64_t width = 0, height = 0;
    bool operator==(const Start&) const = default;
};
struct Vm {
    VmAction action = VmAction::status;
    bool operator==(const Vm&) const = default;
};
using ToSession = std::variant<Start, Answer, Chosen, Cancel, Vm>;

// --- From the session ---

/// A VM is being started whose SPICE server will answer on that unix socket. Only for a session that was told of a
/// monitor.
struct GuestScreen {
    std::string socket, vm;
    bool operator==(const GuestScreen&) const = default;
};
/// The terminal now shows the guest, whose console (a connected stream socket) comes with the message.
struct Console {
    Descriptor fd;
    std::string vm;
    bool operator==(const Console&) const = default;
};
/// The guest is gone.
struct ConsoleEnd {
    bool operator==(const ConsoleEnd&) const = default;
};
/// "status": the answer to Vm{status}; may come unasked. Over the guest's console, or a note on the screen.
struct StatusText {
    std::string text;
    bool stands = false;  ///< Standing says it, too, for as long as it is true.
    bool operator==(const StatusText&) const = default;
};
/// All that is true of the running guest and that its user should see for as long as it is, most urgent first: over the
/// guest's screen only, where seconds in it may be counted down. Takes the place of the one before.
struct Standing {
    std::vector<std::string> lines;
    bool operator==(const Standing&) const = default;
};
/// The last message.
struct End {
    Outcome result = Outcome::failed;
    AfterEnd power = AfterEnd::nothing;
    bool operator==(const End&) const = default;
};
using FromSession = std::variant<Prompt, Note, Choice, Progress, Clear, GuestScreen, Console, ConsoleEnd,
                                 StatusText, Standing, End>;

}  // namespace berth::protocol
