// SPDX-License-Identifier: GPL-3.0-or-later
// main() of a GoogleTest program whose tests run on a machine of their own (tests/lib/own-machine), some in a
// further wrapper of tests/lib.
#pragma once

#include <string>
#include <vector>

namespace berth::test {

/// Runs the tests, or, when `variable` is not in the environment (the wrapper sets it), this program again as
/// the command of tests/lib/own-machine and of tests/lib/`wrapper` (its name, then its options; or nothing).
/// Listing the tests needs no wrapper.
int run_under(int argc, char** argv, const char* variable, const std::vector<std::string>& wrapper);

}  // namespace berth::test
