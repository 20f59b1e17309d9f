// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/resources/guest_firewall.h"

#include <gmock/gmock.h>

#include "tests/testing/code_of.h"
#include "tests/testing/recording_report.h"

namespace berth::session {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(GuestFirewall, closes_the_port_mapper_nfs_and_mount) {
    EXPECT_EQ(closed_ports(2049, 20048), (std::set<uint16_t>{111, 2049, 20048}));
    EXPECT_EQ(closed_ports(0, 0), (std::set<uint16_t>{111, 2049})) << "unknown";
    EXPECT_EQ(closed_ports(12049, 12050), (std::set<uint16_t>{111, 2049, 12049, 12050}));
}

TEST(GuestFirewall, leaves_dns_and_dhcp_open_whatever_a_server_says_of_its_ports) {
    for (const uint16_t port : {53, 67, 69, 547})
        EXPECT_EQ(closed_ports(port, port), (std::set<uint16_t>{111, 2049})) << port;
}

TEST(GuestFirewall, knows_the_provisioner_by_its_url) {
    const auto is = [](const char* host, uint16_t port) { return ClosedHost{host, {port}}; };
    EXPECT_EQ(host_of_url("http://10.77.0.1:8080"), is("10.77.0.1", 8080));
    EXPECT_EQ(host_of_url("http://boot.example.org/berth"), is("boot.example.org", 80));
    EXPECT_EQ(host_of_url("https://boot"), is("boot", 443));
    EXPECT_EQ(host_of_url("http://[fd00::1]:8080/"), is("fd00::1", 8080));
    EXPECT_EQ(host_of_url("http://[fd00::1]"), is("fd00::1", 80));
    for (const char* bad :
         {"", "ftp://boot", "http://", "http:///x", "http://a b", "http://u@boot", "boot:80"})
        EXPECT_EQ(host_of_url(bad), std::nullopt) << bad;
}

TEST(GuestFirewall, closes_points_on_bridges_and_where_packets_are_forwarded) {
    const auto script = guest_firewall_script({{"10.0.0.1", 2049}, {"fd00::1", 111}});
    ASSERT_TRUE(script) << script.error().to_log();
    EXPECT_EQ(*script,
              R"(add table bridge berth_guests
add set bridge berth_guests closed4 { type ipv4_addr . inet_service; }
add set bridge berth_guests closed6 { type ipv6_addr . inet_service; }
add chain bridge berth_guests guests { type filter hook prerouting priority filter; policy accept; }
flush chain bridge berth_guests guests
add rule bridge berth_guests guests meta l4proto { tcp, udp } ip daddr . th dport @closed4 drop
add rule bridge berth_guests guests meta l4proto { tcp, udp } ip6 daddr . th dport @closed6 drop
add table inet berth_guests
add set inet berth_guests closed4 { type ipv4_addr . inet_service; }
add set inet berth_guests closed6 { type ipv6_addr . inet_service; }
add chain inet berth_guests guests { type filter hook forward priority filter; policy accept; }
flush chain inet berth_guests guests
add rule inet berth_guests guests meta l4proto { tcp, udp } ip daddr . th dport @closed4 drop
add rule inet berth_guests guests meta l4proto { tcp, udp } ip6 daddr . th dport @closed6 drop
add element bridge berth_guests closed4 { 10.0.0.1 . 2049 }
add element inet berth_guests closed4 { 10.0.0.1 . 2049 }
add element bridge berth_guests closed6 { fd00::1 . 111 }
add element inet berth_guests closed6 { fd00::1 . 111 }
)");
}

TEST(GuestFirewall, takes_nothing_for_an_address_that_nft_could_read_as_more) {
    using namespace std::string_literals;
    for (const std::string& bad :
         {"fs1"s, ""s, "10.0.0.0/8"s, "10.0.0.1 . 1 }\nflush ruleset"s, "fe80::1%eth0"s, "[fd00::1]"s,
          "10.0.0.1-10.0.0.9"s, "::1\0 . 1 }\nflush ruleset"s}) {
        const auto script = guest_firewall_script({{bad, 2049}});
        ASSERT_FALSE(script) << bad;
        EXPECT_EQ(code_of(script), "BERTH-H11");
        EXPECT_THAT(script.error().detail(), Not(HasSubstr("\n")));
    }
}

TEST(GuestFirewall, does_not_let_a_login_go_on_that_cannot_close) {
    RecordingReport report;
    GuestFirewall firewall({.nft = "/bin/false", .hosts = {}}, report);
    const Status closed = firewall.close({});
    ASSERT_FALSE(closed);
    EXPECT_EQ(code_of(closed), "BERTH-H11");
    EXPECT_TRUE(GuestFirewall({.nft = "", .hosts = {}}, report).close({})) << "laboratories";
}

TEST(GuestFirewall, reports_a_host_whose_name_is_not_found_and_goes_on) {
    RecordingReport report;
    GuestFirewall firewall(
        {.nft = "/bin/true", .hosts = {{"no-such-host.invalid", {80}}, {"10.0.0.1", {80}}}}, report);
    EXPECT_TRUE(firewall.close({}));
    EXPECT_EQ(report.entries().size(), 1u);
}

}  // namespace
}  // namespace berth::session
