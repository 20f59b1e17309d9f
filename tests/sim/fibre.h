// SPDX-License-Identifier: GPL-3.0-or-later
// A thread of a simulated client: it runs on a stack of its own until it waits, and only one runs at a time.
// Nothing in it may wait while an exception is handled: what the language keeps of exceptions is the
// thread's.
#pragma once

#include <ucontext.h>

#include <functional>

#include "tests/sim/arena.h"

namespace berth::sim {

class Fibre {
  public:
    explicit Fibre(std::function<void()> body);
    ~Fibre();  ///< end()s it.
    Fibre(const Fibre&) = delete;
    Fibre& operator=(const Fibre&) = delete;

    /// Runs it until it waits or is over. From outside of fibres.
    void resume();
    /// It is gone, as by a power cut: what is on its stack is destroyed; a wait of a destructor is none.
    void end();
    bool over() const { return over_; }

    /// From within a fibre: until it is resumed. false: it is being ended, and what unwinds must not wait.
    static bool wait();
    /// Which one runs; nullptr: none.
    static Fibre* running();
    /// For who puts memory back (arena.h): `fibre` is the one that runs in it.
    static void runs(Fibre* fibre);

  private:
    struct Ended {};
    static void enter();
    void run();
    void switch_in();
    void switch_out();

    std::function<void()> body_;
    Stack stack_;
    ucontext_t context_{}, back_{};
    bool over_ = false, ending_ = false, unwinding_ = false, started_ = false;
    // For the sanitizers (sanitizer/common_interface_defs.h, tsan_interface.h).
    void* fake_stack_ = nullptr;
    void* outer_fake_stack_ = nullptr;
    const void* outer_bottom_ = nullptr;
    size_t outer_size_ = 0;
    void* tsan_ = nullptr;
    void* outer_tsan_ = nullptr;
};

}  // namespace berth::sim
