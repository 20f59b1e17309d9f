// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstdlib>

#include "base/machine_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    auto record = berth::parse_machine_record({reinterpret_cast<const char*>(data), size});
    if (!record) return 0;
    // These reach a path, a tool's arguments and a configuration file.
    for (const auto& part : {record->id, record->name, record->keymap, record->network_bridge})
        if (part.starts_with('-') || part.find_first_of("/ \n") != std::string::npos) abort();
    if (record->time_zone.starts_with('/') || record->time_zone.find("..") != std::string::npos) abort();
    for (const auto& server : record->ntp)
        if (server.empty() || server.starts_with('-') || server.find_first_of(" \n") != std::string::npos)
            abort();
    return 0;
}
