// SPDX-License-Identifier: GPL-3.0-or-later
#include "lock/release_rule.h"

#include <gtest/gtest.h>

namespace berth::lock {
namespace {

using std::chrono::seconds;

constexpr BootTime k_lost{seconds(1000)};
constexpr Duration k_wait = seconds(30);

TEST(ReleaseRule, lets_the_owner_release_at_once_what_was_never_written_or_answered_stopped) {
    for (const WriterEnd end : {WriterEnd::none, WriterEnd::stopped})
        EXPECT_EQ(release_from(end, std::nullopt, k_wait), BootTime{});
}

TEST(ReleaseRule, waits_until_a_write_whose_connection_was_lost_cannot_be_executed_any_more) {
    EXPECT_EQ(release_from(WriterEnd::stopped, k_lost, k_wait), k_lost + k_wait);
    EXPECT_EQ(release_from(WriterEnd::none, k_lost, k_wait), k_lost + k_wait);
}

TEST(ReleaseRule, leaves_a_lock_to_the_sweeper_unless_the_writer_answered_stopped) {
    for (const WriterEnd end : {WriterEnd::lost, WriterEnd::died})
        for (const std::optional<BootTime> write_lost : {std::optional<BootTime>{}, std::optional(k_lost)})
            EXPECT_EQ(release_from(end, write_lost, k_wait), std::nullopt);
}

}  // namespace
}  // namespace berth::lock
