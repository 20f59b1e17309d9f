// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "volume/api/volume_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth::volume;
    auto config = parse_volume_config({reinterpret_cast<const char*>(data), size});
    if (!config) return 0;
    auto again = parse_volume_config(format_volume_config(*config));
    if (!again || *again != *config) std::abort();
    return 0;
}
