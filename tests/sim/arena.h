// SPDX-License-Identifier: GPL-3.0-or-later
// Memory that can be put back to what it was: while the arena is on, all that `new` gives lies in it, and the stacks of
// fibres always do once it was on. A copy of it and of a thread of control in it is a whole run at one point.
//
// Only for one thread. What a library keeps elsewhere (malloc, statics made at their first use) is not put back: runs before
// the arena is on make those statics. Sanitizers have their own idea of memory: there is no arena with them.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace berth::sim {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool k_has_arena = false;
constexpr size_t k_stack = 512 << 10;
#else
constexpr bool k_has_arena = true;
constexpr size_t k_stack = 128 << 10;
#endif

/// Empties the arena and has `new` use it; `off` has `new` be as ever, and leaves what the arena has.
void arena_begin();
void arena_on();
void arena_off();

/// Of k_stack bytes; the arena's if it is on.
class Stack {
  public:
    Stack();
    ~Stack();
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;
    char* bottom() const { return bottom_; }
    /// Who ran on it waits there: nothing below its stack pointer is needed. nullptr: it runs, or waits elsewhere.
    void rests(const ucontext_t* context);

  private:
    char* bottom_;
};

/// The arena as it is, but for the parts of stacks that are not used. `here` waits in it, too.
class Snapshot {
  public:
    Snapshot() = default;
    explicit Snapshot(const ucontext_t& here);
    void put_back() const;

  private:
    std::string heap_;
    std::vector<std::pair<char*, std::string>> stacks_;
};

}  // namespace berth::sim
