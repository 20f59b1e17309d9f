// SPDX-License-Identifier: GPL-3.0-or-later
// berth-session(8): one login on descriptor 3, or --sweep.
#pragma once

namespace berth::session {

/// Exit codes: 0 done, 1 the session failed (the user was told), 2 wrong use.
int run_program(int argc, char** argv);

}  // namespace berth::session
