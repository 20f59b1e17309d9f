// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/nic.h"

#include <gtest/gtest.h>

namespace berth::boot {
namespace {

const std::vector<Nic> k_two{{"eth1", "52:54:00:00:00:02", true}, {"eth0", "52:54:00:00:00:01", true}};

TEST(ChooseNic, takes_the_card_that_booted) {
    EXPECT_EQ(choose_nic(k_two, "52:54:00:00:00:02", true), "eth1");
}

TEST(ChooseNic, takes_the_first_with_a_cable_when_the_firmware_did_not_say) {
    EXPECT_EQ(choose_nic(k_two, "", true), "eth0");
    EXPECT_EQ(choose_nic({{"eth0", "a", false}, {"eth1", "b", true}}, "", true), "eth1");
    EXPECT_EQ(choose_nic({{"eth0", "a", false}}, "", true), std::nullopt);
}

TEST(ChooseNic, waits_for_the_booted_card_before_it_takes_another) {
    EXPECT_EQ(choose_nic(k_two, "52:54:00:00:00:09", true), std::nullopt);
    EXPECT_EQ(choose_nic(k_two, "52:54:00:00:00:09", false), "eth0");
}

TEST(ResolvConf, keeps_addresses_and_the_domain_only) {
    EXPECT_EQ(
        resolv_conf("DEVICE='eth0'\nIPV4DNS0='10.0.0.1'\nIPV4DNS1='0.0.0.0'\nDNSDOMAIN='site.example'\n"),
        "nameserver 10.0.0.1\nsearch site.example\n");
    EXPECT_EQ(resolv_conf("DNSDOMAIN='a b'\nIPV4DNS0='x\\ny'\nIPV4DNS0\n"), "");
}

}  // namespace
}  // namespace berth::boot
