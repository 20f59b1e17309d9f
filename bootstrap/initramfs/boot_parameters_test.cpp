// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/boot_parameters.h"

#include <gtest/gtest.h>

#include "tests/testing/code_of.h"

namespace berth::boot {
namespace {

TEST(BootParameters, reads_what_the_provisioners_script_passes) {
    auto p = parse_boot_parameters(
        "BOOT_IMAGE=vmlinuz quiet berth.image=http://10.0.0.1:8080/images/plain/ "
        "berth.site=http://10.0.0.1/images/site "
        "berth.provisioner=http://10.0.0.1:8080 berth.machine=m-0001 berth.boot=0a1B berth.console=ttyS0 "
        "berth.ip=dhcp "
        "BOOTIF=01-52-54-00-AB-cd-01\n");
    ASSERT_TRUE(p) << p.error().to_log();
    EXPECT_EQ(p->image, "http://10.0.0.1:8080/images/plain");
    EXPECT_EQ(p->site, "http://10.0.0.1/images/site");
    EXPECT_EQ(p->provisioner, "http://10.0.0.1:8080");
    EXPECT_EQ(p->machine, "m-0001");
    EXPECT_EQ(p->token, "0a1B");
    EXPECT_EQ(p->console, "ttyS0");
    EXPECT_EQ(p->mac, "52:54:00:ab:cd:01");
    EXPECT_TRUE(p->has_record());
}

TEST(BootParameters, passes_over_a_card_that_is_not_ethernet) {
    for (const char* other : {"BOOTIF=20-80-00-02-08-fe-80", "BOOTIF=", "BOOTIF=x", "BOOTIF=01-"}) {
        auto p = parse_boot_parameters(other);
        ASSERT_TRUE(p) << other;
        EXPECT_EQ(p->mac, "");
    }
}

TEST(BootParameters, has_a_terminal_but_no_record_without_any_word) {
    auto p = parse_boot_parameters("");
    ASSERT_TRUE(p);
    EXPECT_EQ(p->console, "tty1");
    EXPECT_FALSE(p->has_record());
}

TEST(BootParameters, takes_quoted_words_and_the_last_of_two) {
    auto p = parse_boot_parameters("x=\"a berth.machine=no\" berth.machine=one \"berth.machine=two\"");
    ASSERT_TRUE(p);
    EXPECT_EQ(p->machine, "two");
}

TEST(BootParameters, refuses_a_wrong_value_naming_the_word) {
    for (const char* bad :
         {"berth.image=ftp://x/y", "berth.image=", "berth.image=http://", "berth.site=file:///etc",
          "berth.machine=../x", "berth.boot=a/b", "berth.console=/etc/passwd", "berth.console=tty/../x",
          "berth.mac=1", "berth.ip=10.0.0.1"}) {
        auto p = parse_boot_parameters(bad);
        ASSERT_FALSE(p) << bad;
        EXPECT_EQ(code_of(p), "BERTH-B09");
    }
}

TEST(BootParameters, never_repeats_the_token_in_an_error) {
    auto p = parse_boot_parameters("berth.boot=secret/x");
    ASSERT_FALSE(p);
    EXPECT_EQ(p.error().to_log().find("secret"), std::string::npos);
}

}  // namespace
}  // namespace berth::boot
