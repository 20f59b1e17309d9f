// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/protocol/protocol.h"

#include "greeter/protocol/forms.h"
#include "greeter/protocol/screen_forms.h"

namespace berth::protocol {

template <typename Direction>
Result<Direction> read(Message& message) {
    auto known = read_message<Direction>(message.body);
    if constexpr (std::is_same_v<Direction, FromSession>)
        if (known && std::holds_alternative<Console>(*known) && !message.fd)
            return fail(ErrorCode::I03, "console without a descriptor");
    return known;
}

template <typename Direction>
Result<std::string> frame_of(const Direction& message) {
    return frame_of_message(message);
}

template Result<ToUi> read(Message&);
template Result<FromUi> read(Message&);
template Result<ToSession> read(Message&);
template Result<FromSession> read(Message&);
template Result<ToScreen> read(Message&);
template Result<FromScreen> read(Message&);
template Result<std::string> frame_of(const ToUi&);
template Result<std::string> frame_of(const FromUi&);
template Result<std::string> frame_of(const ToSession&);
template Result<std::string> frame_of(const FromSession&);
template Result<std::string> frame_of(const ToScreen&);
template Result<std::string> frame_of(const FromScreen&);

}  // namespace berth::protocol
