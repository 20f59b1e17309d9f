// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/client_identity.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace berth {
namespace {

const char* k_uuid = "4C4C4544-0042-3510-8054-B7C04F4A4232\n";

TEST(ClientIdentity, is_the_record_where_there_is_one) {
    EXPECT_EQ(*identity_from("m-0001", k_uuid, {"52:54:00:00:00:01"}), "m-0001");
}

TEST(ClientIdentity, is_else_uuid_and_first_mac_in_lower_case) {
    EXPECT_EQ(*identity_from("", k_uuid, {"E4:54:00:AA:00:02", "e4:54:00:aa:00:01"}),
              "4c4c4544-0042-3510-8054-b7c04f4a4232-e4:54:00:aa:00:01");
}

TEST(ClientIdentity, prefers_a_mac_that_the_maker_assigned) {
    EXPECT_EQ(*identity_from("", "", {"02:00:00:00:00:01", "e4:54:00:aa:00:09"}), "e4:54:00:aa:00:09");
}

TEST(ClientIdentity, takes_no_uuid_that_many_workstations_share) {
    EXPECT_EQ(*identity_from("", "00000000-0000-0000-0000-000000000000", {"e4:54:00:aa:00:09"}),
              "e4:54:00:aa:00:09");
    EXPECT_EQ(*identity_from("", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", {"e4:54:00:aa:00:09"}),
              "e4:54:00:aa:00:09");
}

TEST(ClientIdentity, is_the_same_as_ever_for_odd_cards_and_boards) {
    // Locks in the field are owned under these.
    EXPECT_EQ(*identity_from("", "03000200-0400-0500-0006-000700080009\n", {"ff:ff:ff:ff:ff:ff\n"}),
              "03000200-0400-0500-0006-000700080009-ff:ff:ff:ff:ff:ff");
    EXPECT_EQ(*identity_from("", "", {"00:00:00:00:00:00\n", "01:00:5e:00:00:01\n", "02:00:00:00:00:01 \n"}),
              "01:00:5e:00:00:01");
    EXPECT_EQ(*identity_from("", k_uuid, {}), "4c4c4544-0042-3510-8054-b7c04f4a4232");
}

TEST(ClientIdentity, holds_nothing_that_is_no_address_and_no_uuid) {
    // InfiniBand, a card without an address, and what no kernel prints; the old rule took any 17 characters for a
    // MAC, and a UUID with its dashes anywhere.
    for (const char* mac : {"80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:0a:0b:0c\n", "\n", "",
                            "not-an-address-17", "e4:54:00:aa:00:0g", "e4:54:00:aa:00:01:02"})
        EXPECT_FALSE(identity_from("", "", {mac})) << mac;
    for (const char* uuid : {"None\n", "Not Settable\n", "4c4c45440-042-3510-8054-b7c04f4a4232\n",
                             "4c4c4544004235108054b7c04f4a4232"})
        EXPECT_FALSE(identity_from("", uuid, {})) << uuid;
}

TEST(ClientIdentity, is_an_error_rather_than_a_shared_one) {
    EXPECT_FALSE(identity_from("", "", {"00:00:00:00:00:00"}));
}

TEST(ClientIdentity, counts_only_physical_cards_of_the_workstation) {
    char name[] = "/tmp/berth-identity-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    const std::filesystem::path root = name;
    for (const char* nic : {"eth0", "br0"}) std::filesystem::create_directories(root / "sys/class/net" / nic);
    std::filesystem::create_directories(root / "sys/class/net/eth0/device");
    std::ofstream(root / "sys/class/net/eth0/address") << "e4:54:00:aa:00:09\n";
    std::ofstream(root / "sys/class/net/br0/address") << "e4:54:00:aa:00:01\n";
    auto identity = read_client_identity(root);
    ASSERT_TRUE(identity) << identity.error().to_log();
    EXPECT_EQ(identity->id, "e4:54:00:aa:00:09");
    std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace berth
