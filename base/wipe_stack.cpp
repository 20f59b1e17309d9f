// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/wipe_stack.h"

#include <cstring>

namespace berth {

[[gnu::noinline]] void wipe_stack() noexcept {
    char below[64 * 1024];
    explicit_bzero(below, sizeof below);
}

}  // namespace berth
