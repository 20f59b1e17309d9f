// SPDX-License-Identifier: GPL-3.0-or-later
// The JSON that berth-volume, a process with fewer rights, answers on its control socket, as the root session
// reads it.
#include <cstdint>
#include <cstdlib>

#include "base/message.h"
#include "volume/api/volume_process.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    std::string stream(reinterpret_cast<const char*>(data), size);
    while (true) {
        auto body = take_frame(stream);
        if (!body || !*body) break;
        (void)volume::parse_volume_status(**body);
        (void)volume::parse_stop_answer(**body);
    }
    const auto body = nlohmann::json::parse(data, data + size, nullptr, /*allow_exceptions=*/false);
    if (body.is_discarded()) return 0;
    const auto status = volume::parse_volume_status(body);
    if (status && volume::volume_state_name(status->state).empty()) std::abort();
    if (volume::parse_stop_answer(body) && body["type"] != "stopped") std::abort();
    return 0;
}
