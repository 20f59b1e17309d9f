// SPDX-License-Identifier: GPL-3.0-or-later
// The two ends of berth-volume's control socket: frames to messages (control_messages.h) and back. Only for the files
// that own a socket.
#pragma once

#include "base/message.h"
#include "volume/api/control_messages.h"

namespace berth::volume {

/// ControlRequest or ControlReply. I03 for an unknown type, a missing field, a wrong kind or a value out of range, and
/// for a field of a reply that does not belong.
template <typename Direction>
Result<Direction> read(Message& message);

/// For MessageSocket::send(). I03 when it is too large.
template <typename Direction>
Result<std::string> frame_of(const Direction& message);

}  // namespace berth::volume
