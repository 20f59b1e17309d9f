// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/wiped_text.h"

#include <gtest/gtest.h>

#include <new>

namespace berth {
namespace {

TEST(WipedText, moves_without_a_copy) {
    WipedText text("geheim");
    const char* place = text.view().data();
    const WipedText moved = std::move(text);
    EXPECT_EQ(moved.view().data(), place);
    EXPECT_EQ(moved.view(), "geheim");
    EXPECT_TRUE(text.view().empty());
}

TEST(WipedText, keeps_what_it_is_given_when_it_is_assigned_to_itself_or_another) {
    WipedText text("one");
    const WipedText other("another");
    text = other;
    EXPECT_EQ(text, other);
    EXPECT_NE(text.view().data(), other.view().data());
    text = *&text;
    EXPECT_EQ(text.view(), "another");
}

}  // namespace
}  // namespace berth
