// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/boot_facts.h"

#include <gtest/gtest.h>

namespace berth::supervisor {
namespace {

TEST(BootFacts, are_no_notice_on_a_healthy_workstation) {
    const auto facts = parse_boot_facts(
        R"({"data":"persistent","clock":"synchronised","kvm":{"usable":true,"why":""},"network":true,"client":{"id":"m","host":"berth-12"}})");
    EXPECT_EQ(facts.host, "berth-12");
    EXPECT_TRUE(facts.notices.empty());
}

TEST(BootFacts, are_a_sentence_each_when_they_are_bad) {
    const auto facts = parse_boot_facts(
        R"({"data":"memory","clock":"unsynchronised","kvm":{"usable":false,"why":"switched off in firmware"},"network":false})");
    ASSERT_EQ(facts.notices.size(), 4U);
    EXPECT_NE(facts.notices[0].find("No network"), std::string::npos);
    EXPECT_NE(facts.notices[1].find("switched off in firmware"), std::string::npos);
    EXPECT_NE(facts.notices[2].find("clock"), std::string::npos);
    EXPECT_NE(facts.notices[3].find("No data disk"), std::string::npos);
}

TEST(BootFacts, name_missing_firmware_behind_all_else) {
    const auto facts = parse_boot_facts(R"({"data":"memory","missing_firmware":["e100/d102e_ucode.bin"]})");
    ASSERT_EQ(facts.notices.size(), 2U);
    EXPECT_EQ(facts.notices[1], "Firmware for some of this hardware is missing: e100/d102e_ucode.bin.");
    EXPECT_EQ(parse_boot_facts(R"({"missing_firmware":["a","b","c","d"]})").notices,
              std::vector<std::string>{"Firmware for some of this hardware is missing: a, b and 2 more."});
    EXPECT_TRUE(parse_boot_facts(R"({"missing_firmware":[]})").notices.empty());
}

TEST(BootFacts, are_no_notice_when_they_are_malformed) {
    for (const char* text :
         {"", "{", "[]", "7",
          R"({"kvm":7,"clock":[],"network":"no","client":null,"data":{},"missing_firmware":7})"})
        EXPECT_TRUE(parse_boot_facts(text).notices.empty()) << text;
}

TEST(ConsolePath, is_what_the_kernel_command_line_says) {
    EXPECT_EQ(console_path("quiet berth.console=ttyS0 ro\n"), "/dev/ttyS0");
    EXPECT_EQ(console_path("berth.console=ttyS0,115200"), "/dev/ttyS0");
    EXPECT_EQ(console_path("berth.console=tty1 berth.console=hvc0"), "/dev/hvc0");
    EXPECT_EQ(console_path("console=ttyS1 xberth.console=ttyS2"), "/dev/tty1");
}

TEST(ConsolePath, never_leaves_dev) {
    for (const char* line :
         {"berth.console=../etc/passwd", "berth.console=/dev/sda", "berth.console=", "berth.console=a.b"})
        EXPECT_EQ(console_path(line), "/dev/tty1") << line;
}

TEST(Term, is_linux_on_virtual_terminals_and_vt220_on_lines) {
    EXPECT_EQ(term_for("/dev/tty1"), "linux");
    EXPECT_EQ(term_for("/dev/ttyS0"), "vt220");
    EXPECT_EQ(term_for("/dev/hvc0"), "vt220");
    EXPECT_EQ(virtual_terminal_number("/dev/tty12"), 12);
    for (const char* none :
         {"/dev/ttyS0", "/dev/tty0", "/dev/tty", "/dev/tty64", "/dev/tty99999999999", "/dev/hvc0"})
        EXPECT_EQ(virtual_terminal_number(none), 0) << none;
    EXPECT_EQ(term_for("/dev/tty"), "vt220");
}

}  // namespace
}  // namespace berth::supervisor
