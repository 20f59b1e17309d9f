// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/setup/clock_state.h"

#include <gtest/gtest.h>

namespace berth::boot {
namespace {

using namespace std::chrono_literals;
// As chronyc 4.3 prints them.
const char* k_good =
    "0A000001,10.0.0.1,3,1700000000.123456789,0.000012,0.000003,0.000020,-12.345,0.001,0.100,0.002,0.003,64."
    "2,Normal\n";
const char* k_none =
    "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000,0."
    "0,Not synchronised\n";

TEST(ClockState, is_synchronised_as_soon_as_chrony_says_so) {
    EXPECT_EQ(clock_state(k_good, 1s), ClockState::synchronised);
    EXPECT_EQ(clock_state(k_good, 1h), ClockState::synchronised);
}

TEST(ClockState, waits_a_minute_before_it_calls_the_clock_wrong) {
    EXPECT_EQ(clock_state(k_none, 59s), ClockState::waiting);
    EXPECT_EQ(clock_state(k_none, 60s), ClockState::unsynchronised);
    EXPECT_EQ(clock_state("", 60s), ClockState::unsynchronised);
    EXPECT_EQ(clock_state("506 Cannot talk to daemon", 1s), ClockState::waiting);
}

TEST(NtpOfLease, reads_option_42_and_leaves_out_what_is_no_address) {
    EXPECT_EQ(ntp_of_lease("ADDRESS=10.0.0.9\nNTP=10.0.0.1 10.0.0.2\nDNS=10.0.0.1\n"),
              (std::vector<std::string>{"10.0.0.1", "10.0.0.2"}));
    EXPECT_EQ(ntp_of_lease("NTP=-x ;y\n"), std::vector<std::string>{});
    EXPECT_EQ(ntp_of_lease(""), std::vector<std::string>{});
}

TEST(ChronySources, prefers_the_records_servers_to_the_leases) {
    EXPECT_EQ(chrony_sources({"ntp.site"}, {"10.0.0.1"}), "server ntp.site iburst\n");
    EXPECT_EQ(chrony_sources({}, {"10.0.0.1", "10.0.0.2"}),
              "server 10.0.0.1 iburst\nserver 10.0.0.2 iburst\n");
    EXPECT_EQ(chrony_sources({}, {}), "");
}

}  // namespace
}  // namespace berth::boot
