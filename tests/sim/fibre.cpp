// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/fibre.h"

#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace berth::sim {
namespace {

thread_local Fibre* t_running = nullptr;

}  // namespace

Fibre* Fibre::running() {
    return t_running;
}

void Fibre::runs(Fibre* fibre) {
    t_running = fibre;
}

Fibre::Fibre(std::function<void()> body) : body_(std::move(body)) {
    getcontext(&context_);
    context_.uc_stack.ss_sp = stack_.bottom();
    context_.uc_stack.ss_size = k_stack;
    context_.uc_link = nullptr;
    makecontext(&context_, &Fibre::enter, 0);
    stack_.rests(&context_);
#if defined(__SANITIZE_THREAD__)
    tsan_ = __tsan_create_fiber(0);
#endif
}

Fibre::~Fibre() {
    end();
#if defined(__SANITIZE_THREAD__)
    __tsan_destroy_fiber(tsan_);
#endif
}

void Fibre::switch_in() {
    t_running = this;
    stack_.rests(nullptr);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&outer_fake_stack_, stack_.bottom(), k_stack);
#endif
#if defined(__SANITIZE_THREAD__)
    outer_tsan_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(tsan_, 0);
#endif
    swapcontext(&back_, &context_);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(outer_fake_stack_, nullptr, nullptr);
#endif
    stack_.rests(&context_);
    t_running = nullptr;
}

void Fibre::switch_out() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(over_ ? nullptr : &fake_stack_, outer_bottom_, outer_size_);
#endif
#if defined(__SANITIZE_THREAD__)
    __tsan_switch_to_fiber(outer_tsan_, 0);
#endif
    swapcontext(&context_, &back_);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_stack_, &outer_bottom_, &outer_size_);
#endif
}

void Fibre::enter() {
    Fibre* self = t_running;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &self->outer_bottom_, &self->outer_size_);
#endif
    self->run();
    self->over_ = true;
    self->switch_out();
}

void Fibre::run() {
    try {
        body_();
    } catch (const Ended&) {
    }
    body_ = nullptr;
}

void Fibre::resume() {
    started_ = true;
    switch_in();
}

void Fibre::end() {
    if (over_) return;
    if (!started_) {
        over_ = true;
        body_ = nullptr;
        return;
    }
    ending_ = true;
    switch_in();
}

bool Fibre::wait() {
    Fibre* self = t_running;
    if (self->unwinding_) return false;
    self->switch_out();
    if (self->ending_) {
        self->unwinding_ = true;
        throw Ended();
    }
    return true;
}

}  // namespace berth::sim
