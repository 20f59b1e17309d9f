// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/record/machine_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    auto record = berth::parse_machine_record({reinterpret_cast<const char*>(data), size});
    if (!record) return 0;
    // These reach a path, a tool's arguments and a configuration file.
    for (const auto& part :
         {record->id, record->name, record->keymap, record->network_bridge, record->guest_address})
        if (part.starts_with('-') || part.find_first_of("/ \n") != std::string::npos) abort();
    if (record->time_zone.starts_with('/') || record->time_zone.find("..") != std::string::npos) abort();
    for (const auto& server : record->ntp)
        if (server.empty() || server.starts_with('-') || server.find_first_of(" \n") != std::string::npos)
            abort();
    // Whatever was left out, the rest is a record that is read the same again, with nothing more to leave
    // out.
    const std::string text = berth::machine_record_json(*record).dump();
    auto again = berth::parse_machine_record(text);
    if (!again || berth::machine_record_json(*again).dump() != text) abort();
    if (again->left_out.size() != (record->nfs.unusable.empty() ? 0 : 1)) abort();
    if (!record->nfs.unusable.empty() &&
        !(record->nfs.server + record->nfs.directory + record->nfs.shared).empty())
        abort();
    for (const auto& error : record->left_out)
        for (unsigned char c : error.detail())
            if (c < ' ' || c == 0x7f) abort();
    return 0;
}
