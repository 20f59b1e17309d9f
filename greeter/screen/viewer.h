// SPDX-License-Identifier: GPL-3.0-or-later
// `berth-screen`: joins the greeter's socket, the window, the guest and the state machine in GTK's main loop. One thread.
#pragma once

#include <string>

#include "base/report.h"
#include "base/result.h"

namespace berth::screen {

/// Returns when the greeter's end closed, said something malformed (I03), or there is no compositor (G04).
Status run_viewer(const std::string& socket, Report& report);

}  // namespace berth::screen
