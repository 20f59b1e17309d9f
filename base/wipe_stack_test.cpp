// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/wipe_stack.h"

#include <gtest/gtest.h>

#include <cstring>

namespace berth {
namespace {

/// Leaves a text on the stack, as a parser does, and tells where.
[[gnu::noinline]] const char* leave_a_text() {
    char text[64];
    std::memset(text, 'p', sizeof text);
    const char* volatile where = text;
    return where;
}

/// As one of its callees.
[[gnu::noinline]] const char* call_what_leaves_a_text() {
    volatile char room[128] = {};
    const char* const where = leave_a_text();
    room[0] = 1;
    return room[0] == 1 ? where : nullptr;
}

TEST(WipeStack, overwrites_what_a_call_left) {
    const char* const where = call_what_leaves_a_text();
    {
        const WipeStack at_the_end;
    }
    // Neither is any more what it was: read it byte by byte, as one who looks through the memory does.
    int left = 0;
    for (int i = 0; i < 64; ++i) left += static_cast<const volatile char*>(where)[i] == 'p';
    EXPECT_EQ(left, 0);
}

}  // namespace
}  // namespace berth
