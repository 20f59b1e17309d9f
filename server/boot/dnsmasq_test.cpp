// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/boot/dnsmasq.h"

#include <gtest/gtest.h>

namespace berth::server {
namespace {

DnsmasqOptions dhcp() {
    return {.mode = DhcpMode::dhcp,
            .interface = "br0",
            .range_first = "10.0.0.10",
            .range_last = "10.0.0.99",
            .server_ip = "10.0.0.1",
            .http_port = 8080,
            .tftp_root = "/srv/tftp",
            .ntp = "10.0.0.1,10.0.0.2",
            .router = "10.0.0.254"};
}

/// Only what dnsmasq reads.
std::string settings(const DnsmasqOptions& options) {
    const auto text = dnsmasq_settings(options);
    EXPECT_TRUE(text) << text.error().to_log();
    std::string out, line;
    for (char c : *text) {
        line += c;
        if (c != '\n') continue;
        if (line != "\n" && line[0] != '#') out += line;
        line.clear();
    }
    return out;
}

TEST(Dnsmasq, gets_exactly_these_settings_as_the_dhcp_server) {
    EXPECT_EQ(
        settings(dhcp()),
        "port=0\ninterface=br0\nbind-interfaces\nenable-tftp\ntftp-root=/srv/tftp\n"
        "dhcp-range=10.0.0.10,10.0.0.99,1h\ndhcp-option=3,10.0.0.254\ndhcp-option=42,10.0.0.1,10.0.0.2\n"
        "dhcp-option-force=224,\"http://10.0.0.1:8080\"\n"
        "dhcp-match=set:ipxe,175\ndhcp-userclass=set:ipxe,iPXE\n"
        "dhcp-boot=tag:ipxe,boot.ipxe,,10.0.0.1\n"
        "dhcp-match=set:bios,option:client-arch,0\ndhcp-match=set:efi,option:client-arch,7\n"
        "dhcp-match=set:efi,option:client-arch,9\n"
        "dhcp-boot=tag:!ipxe,tag:bios,undionly.kpxe,,10.0.0.1\ndhcp-boot=tag:!ipxe,tag:efi,ipxe.efi,,10.0.0."
        "1\n");
}

TEST(Dnsmasq, gets_exactly_these_settings_as_a_proxy) {
    auto options = dhcp();
    options.mode = DhcpMode::proxy;
    options.range_first = "10.0.0.0";
    options.range_last = options.ntp = options.router = "";
    EXPECT_EQ(settings(options),
              "port=0\ninterface=br0\nbind-interfaces\nenable-tftp\ntftp-root=/srv/tftp\n"
              "dhcp-range=10.0.0.0,proxy\n"
              "dhcp-match=set:ipxe,175\ndhcp-userclass=set:ipxe,iPXE\n"
              "dhcp-boot=tag:ipxe,boot.ipxe,,10.0.0.1\npxe-prompt=\"Berth\",0\n"
              "pxe-service=tag:!ipxe,X86PC,\"Berth\",undionly.kpxe,10.0.0.1\n"
              "pxe-service=tag:!ipxe,X86-64_EFI,\"Berth\",ipxe.efi,10.0.0.1\n"
              "pxe-service=tag:!ipxe,BC_EFI,\"Berth\",ipxe.efi,10.0.0.1\n");
}

TEST(Dnsmasq, without_tftp_only_what_is_ipxe_is_served) {
    auto options = dhcp();
    options.tftp_root = "";
    const auto text = settings(options);
    EXPECT_NE(text.find("dhcp-boot=tag:ipxe,http://10.0.0.1:8080/boot.ipxe,,10.0.0.1\n"), std::string::npos)
        << text;
    EXPECT_EQ(text.find("tftp"), std::string::npos);
    EXPECT_EQ(text.find("undionly"), std::string::npos);
}

TEST(Dnsmasq, refuses_values_that_could_become_settings) {
    const auto refused = [](auto change) {
        auto options = dhcp();
        change(options);
        return !dnsmasq_settings(options).has_value();
    };
    EXPECT_TRUE(refused([](auto& o) { o.interface = "br0\nconf-file=/x"; }));
    EXPECT_TRUE(refused([](auto& o) { o.interface = ""; }));
    EXPECT_TRUE(refused([](auto& o) { o.range_first = "10.0.0.10\n"; }));
    EXPECT_TRUE(refused([](auto& o) { o.range_last = ""; }));
    EXPECT_TRUE(refused([](auto& o) { o.range_last = "10.0.0.9"; }));
    EXPECT_TRUE(refused([](auto& o) { o.server_ip = "fs1"; }));
    EXPECT_TRUE(refused([](auto& o) { o.http_port = 0; }));
    EXPECT_TRUE(refused([](auto& o) { o.tftp_root = "srv"; }));
    EXPECT_TRUE(refused([](auto& o) { o.tftp_root = "/srv\n"; }));
    EXPECT_TRUE(refused([](auto& o) { o.ntp = "10.0.0.1,"; }));
    EXPECT_TRUE(refused([](auto& o) { o.ntp = "pool.org"; }));
    EXPECT_TRUE(refused([](auto& o) { o.router = "x"; }));
    EXPECT_TRUE(refused([](auto& o) { o.mode = DhcpMode::proxy; }));
}

}  // namespace
}  // namespace berth::server
