// SPDX-License-Identifier: GPL-3.0-or-later
// How the messages of control_messages.h travel (base/message_form.h). Only for control_wire.cpp and tests.
#pragma once

#include "base/message_form.h"
#include "base/plain_text.h"
#include "volume/api/control_messages.h"

namespace berth::volume {

constexpr auto words_of(VolumeState) {
    using enum VolumeState;
    return words<VolumeState>({{starting, "starting"},
                               {running, "running"},
                               {silent, "silent"},
                               {claimed, "claimed"},
                               {lost, "lost"},
                               {stopping, "stopping"}});
}

// The engine runs as another user than the session, which trusts no word of it that it does not know.
template <typename... Fields>
constexpr auto reply(std::string_view type, Fields... fields) {
    return form(type, OtherFields::refused, fields...);
}

constexpr auto form_of(const AskStatus*) {
    return form("status", OtherFields::dropped);
}
constexpr auto form_of(const Watch*) {
    return form("watch", OtherFields::dropped);
}
constexpr auto form_of(const Stop*) {
    return form("stop", OtherFields::dropped);
}

constexpr auto form_of(const VolumeDiskStatus*) {
    using D = VolumeDiskStatus;
    return reply("", field("name", &D::name, {.most = 255, .accepts = is_plain_text}),
                 field("reads", &D::reads), field("writes", &D::writes), field("bytes_read", &D::bytes_read),
                 field("bytes_written", &D::bytes_written), field("uncommitted", &D::uncommitted));
}
constexpr auto form_of(const VolumeClaim*) {
    return reply("", field("host", &VolumeClaim::host, {.most = 1024, .accepts = is_plain_text}),
                 field("user", &VolumeClaim::user, {.most = 1024, .accepts = is_plain_text}));
}
constexpr auto form_of(const VolumeStatus*) {
    using S = VolumeStatus;
    return reply("status", field("state", &S::state), field("disks", &S::disks, {.items = 64}),
                 field("silent_seconds", &S::silent_seconds), field("lease_ms", &S::lease_left),
                 field("claim", &S::claim));
}
constexpr auto form_of(const Drained*) {
    return reply("stopped", field("write_lost_ms", &Drained::write_lost));
}
constexpr auto form_of(const StopFailed*) {
    return reply("error", field("text", &StopFailed::text, {.most = k_max_message}));
}

}  // namespace berth::volume
