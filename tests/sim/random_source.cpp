// SPDX-License-Identifier: GPL-3.0-or-later
// Instead of base/random.cpp, which this program is linked without: a run must not depend on the kernel's
// numbers.
#include "tests/sim/random_source.h"

#include <cstdlib>
#include <cstring>

#include "base/random.h"

namespace berth {

namespace sim {

thread_local std::function<std::string(size_t bytes)> t_fresh_hex;

}  // namespace sim

/// Nothing in a run asks for it.
void random_bytes(void*, size_t) {
    abort();
}

std::string random_hex(size_t bytes) {
    return sim::t_fresh_hex(bytes);
}

}  // namespace berth
