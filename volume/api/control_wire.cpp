// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/api/control_wire.h"

#include "volume/api/control_forms.h"

namespace berth::volume {

std::string_view volume_state_name(VolumeState state) {
    for (const auto& [known, word] : words_of(state))
        if (known == state) return word;
    return "";
}

uint64_t VolumeStatus::uncommitted() const {
    uint64_t bytes = 0;
    for (const auto& disk : disks) bytes += disk.uncommitted;
    return bytes;
}

template <typename Direction>
Result<Direction> read(Message& message) {
    return read_message<Direction>(message.body);
}

template <typename Direction>
Result<std::string> frame_of(const Direction& message) {
    return frame_of_message(message);
}

template Result<ControlRequest> read(Message&);
template Result<ControlReply> read(Message&);
template Result<std::string> frame_of(const ControlRequest&);
template Result<std::string> frame_of(const ControlReply&);

}  // namespace berth::volume
