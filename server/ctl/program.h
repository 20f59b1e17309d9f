// SPDX-License-Identifier: GPL-3.0-or-later
// berthctl(1) as a whole: reads the line, runs the verb that it names, prints the answer.
#pragma once

#include <functional>

#include "server/ctl/verb.h"

namespace berth::server {

/// Declares options of a laboratory (tests/lab); berthctl has none.
using MoreOptions = std::function<void(CLI::App&, Ctl&)>;

/// The exit code: 0; 1 when the verb failed; CLI11's when the line is wrong.
int run_line(Ctl& ctl, int argc, const char* const* argv, const MoreOptions& more = {});

/// The same with this process's console, clocks and users' folders.
int run_berthctl(int argc, const char* const* argv, const MoreOptions& more = {});

}  // namespace berth::server
