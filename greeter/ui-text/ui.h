// SPDX-License-Identifier: GPL-3.0-or-later
// The screen program: terminal on descriptors 0 to 2, messages on 3. One thread, one poll(2) loop.
#pragma once

namespace berth::ui {

/// Runs until the greeter closes descriptor 3 or the terminal cannot be used. Always 1: no other end is meant.
int run_ui();

}  // namespace berth::ui
