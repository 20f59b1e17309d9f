// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/kernel_log.h"

#include <gtest/gtest.h>

namespace berth::boot {
namespace {

TEST(MissingFirmware, names_each_file_once_from_both_wordings) {
    EXPECT_EQ(missing_firmware(
                  "6,1,2,-;r8169 0000:01:00.0: firmware: failed to load rtl_nic/rtl8168g-2.fw (-2)\n"
                  "4,2,3,-;r8169 0000:01:00.0: Direct firmware load for rtl_nic/rtl8168g-2.fw failed with "
                  "error -2\n"
                  "4,3,4,-;bnx2 0000:02:00.0: Direct firmware load for bnx2/x.fw failed with error -2\n"
                  "6,4,5,-;firmware: direct-loading firmware regulatory.db\n"),
              (std::vector<std::string>{"rtl_nic/rtl8168g-2.fw", "bnx2/x.fw"}));
}

TEST(MissingFirmware, is_not_the_rules_of_wireless_that_every_kernel_asks_for) {
    EXPECT_TRUE(
        missing_firmware("4,2,3,-;platform regulatory.0: Direct firmware load for regulatory.db failed with "
                         "error -2\n")
            .empty());
}

}  // namespace
}  // namespace berth::boot
