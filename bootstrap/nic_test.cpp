// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/nic.h"

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

TEST(MissingFirmware, names_each_file_once_from_both_wordings) {
    EXPECT_EQ(missing_firmware(
                  "6,1,2,-;r8169 0000:01:00.0: firmware: failed to load rtl_nic/rtl8168g-2.fw (-2)\n"
                  "4,2,3,-;r8169 0000:01:00.0: Direct firmware load for rtl_nic/rtl8168g-2.fw failed with "
                  "error -2\n"
                  "4,3,4,-;bnx2 0000:02:00.0: Direct firmware load for bnx2/x.fw failed with error -2\n"
                  "6,4,5,-;firmware: direct-loading firmware regulatory.db\n"),
              (std::vector<std::string>{"rtl_nic/rtl8168g-2.fw", "bnx2/x.fw"}));
}

}  // namespace
}  // namespace berth::boot
