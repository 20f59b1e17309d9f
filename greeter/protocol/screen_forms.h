// SPDX-License-Identifier: GPL-3.0-or-later
// How the messages of screen_messages.h travel (base/message_form.h). Only for protocol.cpp and tests.
#pragma once

#include "greeter/protocol/forms.h"
#include "greeter/protocol/screen_messages.h"

namespace berth::protocol::screen {

constexpr auto form_of(const Guest*) {
    return message("guest",
                   field("socket", &Guest::socket, {.most = k_longest_socket_path, .accepts = is_plain_text}),
                   field("vm", &Guest::vm, {.most = 256, .accepts = is_plain_text}));
}
constexpr auto form_of(const Progress*) {
    return message("progress", field("text", &Progress::text, k_text));
}
constexpr auto form_of(const Words*) {
    return message("words", field("text", &Words::text, k_text), field("seconds", &Words::seconds, k_number));
}
constexpr auto form_of(const Ping*) {
    return message("ping", field("id", &Ping::id, k_number));
}
constexpr auto form_of(const SendKey*) {
    return message("send_key");
}
constexpr auto form_of(const GuestEnd*) {
    return message("guest_end");
}

constexpr auto form_of(const Hello*) {
    return message("hello");
}
constexpr auto form_of(const Frame*) {
    return message("frame");
}
constexpr auto form_of(const Pong*) {
    return message("pong", field("id", &Pong::id, k_number));
}
constexpr auto form_of(const Gone*) {
    return message("gone", field("why", &Gone::why, k_text));
}

}  // namespace berth::protocol::screen
