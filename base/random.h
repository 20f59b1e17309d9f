// SPDX-License-Identifier: GPL-3.0-or-later
// Random bytes of the kernel (getrandom(2)), for nonces, tokens and UUIDs as well as for keys. There is no error:
// a kernel that gives none ends the program (abort(3)), for a program that continued would use what can be guessed. The
// first call after a boot may wait until the kernel has gathered enough. Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>

namespace berth {

void random_bytes(void* to, size_t size);

template <typename Number>
    requires std::is_unsigned_v<Number>
Number random_number() {
    Number number;
    random_bytes(&number, sizeof number);
    return number;
}

/// Two lower-case hex digits for each of `bytes` bytes.
std::string random_hex(size_t bytes);

}  // namespace berth
