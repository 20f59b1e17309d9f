// SPDX-License-Identifier: GPL-3.0-or-later
// What greeter and viewer (`berth-screen`, the guest's screen) say to each other on /run/berth/screen.sock
// (docs/architecture.md "Messages"). protocol.h reads and writes them, screen_forms.h says how they look on the way.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace berth::protocol {
namespace screen {

// --- To the viewer ---

/// Connect to the guest's SPICE server at this Unix socket; ten times a second until it answers.
struct Guest {
    std::string socket, vm;  ///< At most 107 and 256 bytes without control characters.
    bool operator==(const Guest&) const = default;
};
/// What Berth does: in the middle of the dark screen until the guest's first frame.
struct Progress {
    std::string text;
    bool operator==(const Progress&) const = default;
};
/// A line over the guest. An empty text takes it away.
struct Words {
    std::string text;
    uint64_t seconds = 0;  ///< 0: until the next Words.
    bool operator==(const Words&) const = default;
};
/// Answered by a Pong with the same id once the compositor has answered, too.
struct Ping {
    uint64_t id = 0;
    bool operator==(const Ping&) const = default;
};
/// Ctrl+Alt+Del to the guest.
struct SendKey {
    bool operator==(const SendKey&) const = default;
};
/// Disconnect; the screen is dark again.
struct GuestEnd {
    bool operator==(const GuestEnd&) const = default;
};

// --- From the viewer ---

/// Its window is on the screen.
struct Hello {
    bool operator==(const Hello&) const = default;
};
/// The guest's first frame is on the screen; once for each Guest.
struct Frame {
    bool operator==(const Frame&) const = default;
};
struct Pong {
    uint64_t id = 0;
    bool operator==(const Pong&) const = default;
};
/// The guest's server closed the connection; it is tried again until GuestEnd.
struct Gone {
    std::string why;
    bool operator==(const Gone&) const = default;
};

}  // namespace screen

using ToScreen = std::variant<screen::Guest, screen::Progress, screen::Words, screen::Ping, screen::SendKey,
                              screen::GuestEnd>;
using FromScreen = std::variant<screen::Hello, screen::Frame, screen::Pong, screen::Gone>;

}  // namespace berth::protocol
