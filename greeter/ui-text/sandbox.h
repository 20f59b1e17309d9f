// SPDX-License-Identifier: GPL-3.0-or-later
// The rights that the screen program drops once its terminal is open.
#pragma once

#include "base/result.h"

namespace berth::ui {

/// No new privileges, file, process or socket, and 256 MiB of memory: only the calls that drawing, reading keys
/// and talking on open descriptors need (seccomp(2), allow list). I01. Call after everything that opens files.
Status enter_sandbox();

}  // namespace berth::ui
