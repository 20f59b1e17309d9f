// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/setup/bridge.h"

#include <gmock/gmock.h>

namespace berth::boot {
namespace {

using testing::HasSubstr;

std::string text_of(const std::string& name) {
    for (const auto& file : bridge_files("br0", "52:54:00:12:34:56"))
        if (file.name == name) return file.text;
    return {};
}

TEST(BridgeFiles, makes_a_bridge_with_the_cards_own_mac_so_that_the_lease_stays) {
    EXPECT_THAT(text_of("50-berth-bridge.netdev"),
                HasSubstr("Name=br0\nKind=bridge\nMACAddress=52:54:00:12:34:56\n"));
    EXPECT_THAT(text_of("50-berth-bridge.network"), HasSubstr("DHCP=yes"));
    EXPECT_THAT(text_of("50-berth-bridge.network"), HasSubstr("ClientIdentifier=mac"));
}

TEST(BridgeFiles, makes_the_card_a_port_and_not_the_bridge_its_own) {
    EXPECT_THAT(text_of("60-berth-port.network"), HasSubstr("MACAddress=52:54:00:12:34:56\nKind=!*\n"));
    EXPECT_THAT(text_of("60-berth-port.network"), HasSubstr("Bridge=br0"));
}

TEST(BridgeFiles, stand_before_the_rule_for_every_card) {
    for (const auto& file : bridge_files("br0", "52:54:00:12:34:56"))
        EXPECT_LT(file.name, "80-ethernet.network");
}

}  // namespace
}  // namespace berth::boot
