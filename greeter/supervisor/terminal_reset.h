// SPDX-License-Identifier: GPL-3.0-or-later
// What Berth itself writes to a terminal that a guest uses: the bytes that bring it back from whatever a guest
// left it in, and lines between the guest's own.
#pragma once

#include <string>
#include <string_view>

namespace berth::supervisor {

/// Ends any open sequence, then resets modes, character sets, colours, mouse, scroll region, title; clears
/// screen and scroll-back. Right for the Linux console (console_codes(4)) and for VT220 and xterm alike: each
/// ignores what it does not know.
std::string_view terminal_reset();

/// `text` as one short line for a terminal that a guest is using: made printable, cut to 200 bytes,
/// in brackets.
std::string status_line(std::string_view text);
/// The first line above a guest's output. `key` is the secure-attention key.
std::string console_begins(std::string_view key);
/// The line above a guest's output after Berth's menu.
std::string console_resumes();

}  // namespace berth::supervisor
