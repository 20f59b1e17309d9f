// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/output.h"

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
    constexpr char k_digits[] = "0123456789abcdef";
    std::string raw(bytes, '\0'), text;
    random_bytes(raw.data(), raw.size());
    for (const char c : raw) {
        const auto byte = static_cast<unsigned char>(c);
        text += {k_digits[byte >> 4], k_digits[byte & 15]};
    }
    return text;
}

}  // namespace berth
