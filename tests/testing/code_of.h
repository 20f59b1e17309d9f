// SPDX-License-Identifier: GPL-3.0-or-later
// What people would read of a failure, for tests of messages: EXPECT_EQ(code_of(made), "BERTH-M03"). A test of
// what the program does looks at the condition.
#pragma once

#include <string_view>

#include "base/result.h"
#include "tests/testing/code_of.h"

namespace berth {

inline std::string_view code_of(const Error& error) {
    return code_name(error.code());
}
/// "none": it did not fail.
template <typename T>
std::string_view code_of(const Result<T>& result) {
    return result ? "none" : code_of(result.error());
}

}  // namespace berth
