// SPDX-License-Identifier: GPL-3.0-or-later
// The two ends of the sockets between greeter, screen, session and viewer: frames to messages (messages.h,
// screen_messages.h) and back. Every receiver reads with this, so code behind it never meets a missing field or a value
// out of range. Only for the files that own a socket.
#pragma once

#include "base/message.h"
#include "greeter/protocol/messages.h"
#include "greeter/protocol/screen_messages.h"

namespace berth::protocol {

/// ToUi, FromUi, ToSession, FromSession, ToScreen or FromScreen. I03 for an unknown type, a missing field, a wrong kind,
/// a value out of range, and a Console without a descriptor, which stays in `message`. Fields that do not belong are dropped; texts
/// that may be a password are overwritten in `message`.
template <typename Direction>
Result<Direction> read(Message& message);

/// For MessageSocket::send() and Outbox::put(), which overwrite it. I03 when it is too large.
template <typename Direction>
Result<std::string> frame_of(const Direction& message);

}  // namespace berth::protocol
