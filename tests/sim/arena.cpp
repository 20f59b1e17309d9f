// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/arena.h"

#include <sys/mman.h>

#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace berth::sim {
namespace {

constexpr size_t k_heap = 64 << 20, k_stacks = 64, k_classes = 40, k_small = 512;

struct Slot {
    bool used;
    const ucontext_t* rests;
};

/// At the arena's beginning, so that it is put back, too.
struct Head {
    char* top;
    void* spare[k_classes];
    Slot slots[k_stacks];
};

bool g_on = false;
char* g_heap = nullptr;
char* g_stacks = nullptr;

Head& head() {
    return *reinterpret_cast<Head*>(g_heap);
}

bool is_ours(const void* p) {
    const char* at = static_cast<const char*>(p);
    return g_heap && at >= g_heap && at < g_heap + k_heap;
}

[[noreturn]] void full() {
    std::fputs("the arena is full\n", stderr);
    std::abort();
}

/// Small ones by 16 bytes, others by powers of two.
size_t class_of(size_t size) {
    return size <= k_small ? (size + 15) / 16 : k_small / 16 + std::bit_width((size - 1) / k_small);
}

size_t size_of_class(size_t c) {
    return c <= k_small / 16 ? c * 16 : k_small << (c - k_small / 16);
}

constexpr size_t k_before = 16;  // its class, before each stretch

void* take(size_t size) {
    const size_t c = class_of(size == 0 ? 1 : size);
    if (c >= k_classes) full();
    if (void* p = head().spare[c]) {
        std::memcpy(&head().spare[c], p, sizeof p);
        return p;
    }
    char* p = head().top + k_before;
    head().top = p + size_of_class(c);
    if (head().top > g_heap + k_heap) full();
    std::memcpy(p - k_before, &c, sizeof c);
    return p;
}

void give_back(void* p) {
    size_t c;
    std::memcpy(&c, static_cast<char*>(p) - k_before, sizeof c);
    std::memcpy(p, &head().spare[c], sizeof p);
    head().spare[c] = p;
}

/// Outside of the arena stacks are used again: a run makes a dozen fibres, and there are many runs.
std::vector<std::unique_ptr<char[]>>& spare_stacks() {
    static std::vector<std::unique_ptr<char[]>> spare;
    return spare;
}

Slot* slot_of(const char* bottom) {
    if (!g_stacks || bottom < g_stacks || bottom >= g_stacks + k_stacks * k_stack) return nullptr;
    return &head().slots[static_cast<size_t>(bottom - g_stacks) / k_stack];
}

char* map(size_t size) {
    void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) full();
    return static_cast<char*>(p);
}

/// Where its stack pointer is; nullptr: this processor's is not known here.
const char* pointer_of(const ucontext_t& context) {
#if defined(__x86_64__)
    return reinterpret_cast<const char*>(context.uc_mcontext.gregs[REG_RSP]);
#else
    return nullptr;
#endif
}

}  // namespace

void arena_begin() {
    if (!g_heap) {
        g_stacks = map(k_stacks * k_stack);
        g_heap = map(k_heap);
    }
    head() = {};
    head().top = g_heap + (sizeof(Head) + 15) / 16 * 16;
    g_on = true;
}

void arena_on() {
    g_on = true;
}

void arena_off() {
    g_on = false;
}

Stack::Stack() : bottom_(nullptr) {
    if (g_on) {
        for (size_t i = 0; i < k_stacks && !bottom_; i++) {
            if (head().slots[i].used) continue;
            head().slots[i] = {true, nullptr};
            bottom_ = g_stacks + i * k_stack;
        }
        if (!bottom_) full();
        return;
    }
    auto& spare = spare_stacks();
    if (spare.empty()) spare.push_back(std::make_unique_for_overwrite<char[]>(k_stack));
    bottom_ = spare.back().release();
    spare.pop_back();
}

Stack::~Stack() {
    if (Slot* slot = slot_of(bottom_))
        *slot = {};
    else
        spare_stacks().emplace_back(bottom_);
}

void Stack::rests(const ucontext_t* context) {
    if (Slot* slot = slot_of(bottom_)) slot->rests = context;
}

Snapshot::Snapshot(const ucontext_t& here) : heap_(g_heap, static_cast<size_t>(head().top - g_heap)) {
    for (size_t i = 0; i < k_stacks; i++) {
        const Slot& slot = head().slots[i];
        if (!slot.used) continue;
        char* const bottom = g_stacks + i * k_stack;
        char* const end = bottom + k_stack;
        const char* from = slot.rests ? pointer_of(*slot.rests) : pointer_of(here);
        if (!from || from < bottom || from >= end) from = bottom;
        stacks_.emplace_back(bottom + (from - bottom), std::string(from, static_cast<size_t>(end - from)));
    }
}

void Snapshot::put_back() const {
    std::memcpy(g_heap, heap_.data(), heap_.size());
    for (const auto& [at, bytes] : stacks_) std::memcpy(at, bytes.data(), bytes.size());
}

}  // namespace berth::sim

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

void* operator new(size_t size) {
    if (berth::sim::g_on) return berth::sim::take(size);
    if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
    throw std::bad_alloc();
}

void operator delete(void* p) noexcept {
    if (berth::sim::is_ours(p))
        berth::sim::give_back(p);
    else
        std::free(p);
}

void operator delete(void* p, size_t) noexcept {
    operator delete(p);
}

#endif
