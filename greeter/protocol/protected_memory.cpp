// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/protocol/protected_memory.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>

namespace berth::protocol {
namespace {

constexpr rlim_t k_enough = 64 << 20;
constexpr size_t k_heap_ahead = 1 << 20;

}  // namespace

void protect_memory() {
    prctl(PR_SET_DUMPABLE, 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    setrlimit(RLIMIT_CORE, &none);

    rlimit lock{.rlim_cur = k_enough, .rlim_max = k_enough};
    setrlimit(RLIMIT_MEMLOCK, &lock);  // Raised where that is allowed, for the children too.
    const bool enough = getrlimit(RLIMIT_MEMLOCK, &lock) == 0 && lock.rlim_cur >= k_enough;
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_MMAP_THRESHOLD, 1 << 25);
    void* volatile ahead = std::malloc(k_heap_ahead);
    std::free(ahead);
    mlockall(enough ? MCL_CURRENT | MCL_FUTURE : MCL_CURRENT);
}

}  // namespace berth::protocol
