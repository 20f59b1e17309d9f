// SPDX-License-Identifier: GPL-3.0-or-later
// Linked into the programs through whose hands a password goes: what the heap gives back is overwritten
// first, whatever library held it there (a JSON value, a string that grew).
#include <malloc.h>
#include <string.h>

#include <cstdlib>
#include <new>

namespace {
void wipe_and_free(void* p) noexcept {
    if (p == nullptr) return;
    explicit_bzero(p, malloc_usable_size(p));
    std::free(p);
}
}  // namespace

void operator delete(void* p) noexcept {
    wipe_and_free(p);
}
void operator delete(void* p, std::size_t) noexcept {
    wipe_and_free(p);
}
void operator delete[](void* p) noexcept {
    wipe_and_free(p);
}
void operator delete[](void* p, std::size_t) noexcept {
    wipe_and_free(p);
}
