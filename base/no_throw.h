// SPDX-License-Identifier: GPL-3.0-or-later
// Where a thread begins, and where a C library calls us back, an exception has nowhere to go: it would end
// the process in the middle of whatever it does. Such a body runs in no_throw(): what it throws is reported
// and becomes a value that its caller knows. tests/integration/checkout/test_no_throw.py lists the places.
#pragma once

#include <utility>

namespace berth {

/// Inside a handler: says on standard error (under systemd the journal) that `where` threw, and what. Needs
/// no memory to be left.
void report_exception(const char* where) noexcept;

/// What `body` returns, or, when it throws, `otherwise`.
template <typename R, typename F>
R no_throw(const char* where, R otherwise, F&& body) noexcept {
    try {
        return std::forward<F>(body)();
    } catch (...) {
        report_exception(where);
        return otherwise;
    }
}

/// Nothing depends on whether `body` came to its end.
template <typename F>
void no_throw(const char* where, F&& body) noexcept {
    try {
        std::forward<F>(body)();
    } catch (...) {
        report_exception(where);
    }
}

}  // namespace berth
