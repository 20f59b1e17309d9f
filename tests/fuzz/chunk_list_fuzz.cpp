// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstdlib>
#include <string>

#include "bootstrap/manifest/chunks.h"

using namespace berth::boot;

// The first three bytes are the file's size, the rest is the list.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 3) return 0;
    const uint64_t file_size = data[0] | data[1] << 8 | data[2] << 16;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 3, size - 3);
    auto list = parse_chunk_list(bytes, file_size);
    if (list && format_chunk_list(*list) != bytes) abort();
    // Any bytes are cut inside the bounds.
    for (std::string_view rest = bytes; !rest.empty();) {
        const size_t n = first_chunk(rest);
        if (n == 0 || n > k_max_chunk || n > rest.size() || (n < k_min_chunk && n != rest.size())) abort();
        rest.remove_prefix(n);
    }
    return 0;
}
