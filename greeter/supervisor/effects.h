// SPDX-License-Identifier: GPL-3.0-or-later
// What the greeter's State (supervisor_state.h) wants done; greeter.cpp does it.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "greeter/protocol/messages.h"
#include "greeter/protocol/screen_messages.h"

namespace berth::supervisor {

namespace effect {
/// An effect without data.
struct Plain {
    bool operator==(const Plain&) const = default;
};
struct StartUi : Plain {};  ///< On a terminal that was reset.
struct StopUi : Plain {};   ///< Gone when this returns.
struct SendUi {
    protocol::ToUi message;
    bool operator==(const SendUi&) const = default;
};
struct StartSession {
    WipedText user;
    bool operator==(const StartSession&) const = default;
};
struct SendSession {
    protocol::ToSession message;
    bool operator==(const SendSession&) const = default;
};
struct CloseSession : Plain {};  ///< Closes our end; it undoes and exits.
struct KillSession : Plain {};
struct StartSweeper : Plain {};
struct Settle : Plain {
};  ///< Sessions without a greeter and sweepers close their guests; ends in event::Settled.
struct StartPump : Plain {};    ///< Terminal raw, first line, bytes flow.
struct SuspendPump : Plain {};  ///< Guest output is kept; the terminal is the UI's next.
struct ResumePump : Plain {};
struct EndPump : Plain {};  ///< Guest's descriptor closed; the terminal reset, unless the UI has it.
struct SendKey : Plain {};  ///< The attention key's byte to the guest.
struct StatusLine {
    std::string text;
    bool operator==(const StatusLine&) const = default;
};
struct StartScreen : Plain {};  ///< VT 2 is in front, and compositor and viewer begin there.
struct StopScreen : Plain {};   ///< VT 1 is in front; compositor and viewer are killed.
struct ShowScreen : Plain {};   ///< VT 2 is in front.
struct ShowText : Plain {};     ///< VT 1 is in front.
struct SendScreen {
    protocol::ToScreen message;
    bool operator==(const SendScreen&) const = default;
};
struct AskLevels {  ///< Volume and brightness, behind a change; ends in event::Levels.
    std::optional<protocol::MenuAction> change;
    bool operator==(const AskLevels&) const = default;
};
struct Power {
    protocol::PowerAction action;
    bool operator==(const Power&) const = default;
};
struct Log {
    std::string event, detail;
    bool operator==(const Log&) const = default;
};
}  // namespace effect
using Effect =
    std::variant<effect::StartUi, effect::StopUi, effect::SendUi, effect::StartSession, effect::SendSession,
                 effect::CloseSession, effect::KillSession, effect::StartSweeper, effect::Settle,
                 effect::StartPump, effect::SuspendPump, effect::ResumePump, effect::EndPump, effect::SendKey,
                 effect::StatusLine, effect::StartScreen, effect::StopScreen, effect::ShowScreen,
                 effect::ShowText, effect::SendScreen, effect::AskLevels, effect::Power, effect::Log>;
using Effects = std::vector<Effect>;

}  // namespace berth::supervisor
