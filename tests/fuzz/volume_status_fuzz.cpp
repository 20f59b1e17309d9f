// SPDX-License-Identifier: GPL-3.0-or-later
// berth-volume's control socket: what berth-volume, a process with fewer rights, says to the root session, and what is
// asked of it.
#include <cstdint>

#include "volume/api/control_wire.h"

namespace {

using namespace berth;

template <typename Direction>
void read_and_write(const nlohmann::json& body) {
    Message message{.body = body, .fd = {}};
    const auto known = volume::read<Direction>(message);
    if (!known) return;
    auto frame = volume::frame_of(*known);
    if (!frame) return;
    auto again = take_frame(*frame);
    if (!again || !*again) __builtin_trap();
    Message back{.body = std::move(**again), .fd = {}};
    const auto twice = volume::read<Direction>(back);
    if (!twice || *twice != *known) __builtin_trap();
}

void take(const nlohmann::json& body) {
    read_and_write<volume::ControlReply>(body);
    read_and_write<volume::ControlRequest>(body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string stream(reinterpret_cast<const char*>(data), size);
    while (true) {
        auto body = take_frame(stream);
        if (!body || !*body) break;
        take(**body);
    }
    take(nlohmann::json::parse(data, data + size, nullptr, /*allow_exceptions=*/false));
    return 0;
}
