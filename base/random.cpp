// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/output.h"
#include "base/text.h"

namespace berth {

void random_bytes(void* to, size_t size) {
    auto* at = static_cast<unsigned char*>(to);
    while (size > 0) {
        const ssize_t n = getrandom(at, size, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            complain("berth: getrandom: {}\n", strerror(errno));
            abort();
        }
        at += n;
        size -= static_cast<size_t>(n);
    }
}

std::string random_hex(size_t bytes) {
    std::vector<unsigned char> raw(bytes);
    random_bytes(raw.data(), raw.size());
    return to_hex(raw);
}

}  // namespace berth
