// SPDX-License-Identifier: GPL-3.0-or-later
// What returned calls leave on the stack. A password passes through strings and parsers there, and an
// optimising compiler keeps pieces of it in places that no wiping of ours names.
#pragma once

namespace berth {

/// Overwrites the 64 KiB below its caller's frame on this thread's stack, but for the first bytes, which its
/// own frame takes (some of them may stay: 8 were seen). Called when what handled a password has returned.
/// Any thread whose stack has that much left.
void wipe_stack() noexcept;

/// The same at the end of a scope: what the scope called has returned by then.
class WipeStack {
  public:
    WipeStack() = default;
    WipeStack(const WipeStack&) = delete;
    WipeStack& operator=(const WipeStack&) = delete;
    ~WipeStack() { wipe_stack(); }
};

}  // namespace berth
