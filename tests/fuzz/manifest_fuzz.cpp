// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstdlib>

#include "bootstrap/manifest/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    auto manifest = berth::boot::parse_manifest({reinterpret_cast<const char*>(data), size});
    // What was accepted says the same when written and read again.
    if (manifest && *berth::boot::parse_manifest(berth::boot::format_manifest(*manifest)) != *manifest)
        abort();
    return 0;
}
