// SPDX-License-Identifier: GPL-3.0-or-later
// The kernel command line: words and quotes as in the kernel's Documentation/admin-guide/kernel-parameters.rst.
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth {

/// Each NAME=VALUE in its order; words without '=' are left out.
std::vector<std::pair<std::string, std::string>> command_line_values(std::string_view line);
/// The value of the last `name`, as the kernel takes it; empty: none.
std::string command_line_value(std::string_view line, std::string_view name);

}  // namespace berth
