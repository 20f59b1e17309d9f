// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string>

namespace berth::sim {

/// What random_hex() answers.
extern thread_local std::function<std::string(size_t bytes)> t_fresh_hex;

}  // namespace berth::sim
