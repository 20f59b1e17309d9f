// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/no_throw.h"

#include <exception>

#include "base/output.h"

namespace berth {

void report_exception(const char* where) noexcept {
    try {
        try {
            throw;
        } catch (const std::exception& e) {
            complain("{}: failed by an exception: {}\n", where, e.what());
        } catch (...) {
            complain("{}: failed by an exception of an unknown kind\n", where);
        }
    } catch (...) {  // No memory even to say so.
    }
}

}  // namespace berth
