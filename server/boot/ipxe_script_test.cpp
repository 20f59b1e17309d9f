// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/boot/ipxe_script.h"

#include <gtest/gtest.h>

#include "tests/testing/code_of.h"

namespace berth::server {
namespace {

ScriptInput network(Platform platform) {
    return {.decision = {Action::run_from_network, Addition::none, "runs from the network"},
            .platform = platform,
            .base_url = "http://10.0.0.1:8080",
            .machine_id = "m-0001",
            .boot_token = "00112233445566778899aabbccddeeff",
            .image = "berth",
            .site = "",
            .console = "tty1"};
}

TEST(IpxeScript, runs_from_the_network_by_exactly_these_commands) {
    EXPECT_EQ(ipxe_script(network(Platform::efi)).value(),
              "#!ipxe\n"
              "echo Berth: runs from the network\n"
              "imgfree\n"
              "kernel --timeout 15000 --name vmlinuz http://10.0.0.1:8080/images/berth/vmlinuz "
              "initrd=initrd.img quiet "
              "berth.provisioner=http://10.0.0.1:8080 berth.machine=m-0001 "
              "berth.boot=00112233445566778899aabbccddeeff "
              "berth.image=http://10.0.0.1:8080/images/berth console=tty0 berth.console=tty1 || goto failed\n"
              "initrd --timeout 15000 --name initrd.img http://10.0.0.1:8080/images/berth/initrd.img || goto "
              "failed\n"
              "boot || goto failed\n"
              ":failed\n"
              "echo Berth: the image berth cannot be loaded\n"
              "imgfree\n"
              "isset ${berth-query} || goto disk\n"
              "iseq x${berth-again} xxxx && goto disk ||\n"
              "set berth-again ${berth-again}x\n"
              "prompt --timeout 2000 Asking again in 2 s ||\n"
              "chain --timeout 4000 --replace ${berth-url}/v1/boot?${berth-query} ||\n"
              ":disk\n"
              "echo Berth: continuing with the local disk\n"
              "exit 1\n");
}

TEST(IpxeScript, names_one_build_for_all_that_this_boot_fetches) {
    auto input = network(Platform::efi);
    input.site = "school";
    input.image_build = "17-0123456789abcdef";
    input.site_build = "2-00000000000000aa";
    const auto script = ipxe_script(input).value();
    const std::string image = "http://10.0.0.1:8080/images/berth/17-0123456789abcdef";
    for (const std::string& part :
         {" " + image + "/vmlinuz initrd=", " " + image + "/initrd.img ||", " berth.image=" + image + " ",
          std::string(" berth.site=http://10.0.0.1:8080/images/school/2-00000000000000aa ")})
        EXPECT_NE(script.find(part), std::string::npos) << part << "\n" << script;
}

TEST(IpxeScript, asks_again_with_the_names_that_boot_ipxe_set) {
    for (const char* name : {"berth-url", "berth-query"})
        EXPECT_NE(built_in_boot_ipxe().find(fmt::format("set {} ", name)), std::string_view::npos) << name;
}

TEST(IpxeScript, names_site_and_serial_console) {
    auto input = network(Platform::pcbios);
    input.site = "school";
    input.console = "ttyS0";
    const auto script = ipxe_script(input).value();
    EXPECT_NE(
        script.find(
            " berth.site=http://10.0.0.1:8080/images/school console=ttyS0,115200 berth.console=ttyS0 ||"),
        std::string::npos)
        << script;
    EXPECT_TRUE(script.ends_with("with the local disk\nsanboot --no-describe --drive 0x80 || exit 1\n"));
    input.console = "ttyS1,9600";
    EXPECT_NE(ipxe_script(input)->find(" console=ttyS1,9600 berth.console=ttyS1 ||"), std::string::npos);
}

TEST(IpxeScript, names_the_card_that_booted) {
    auto input = network(Platform::efi);
    input.mac = "52:54:00:12:34:56";
    const auto script = ipxe_script(input).value();
    EXPECT_NE(script.find("/images/berth berth.mac=52:54:00:12:34:56 console="), std::string::npos) << script;
}

TEST(IpxeScript, goes_to_the_local_disk_in_the_way_of_each_firmware) {
    ScriptInput input{.decision = {Action::local_disk, Addition::none, "boots from its disk"}};
    input.platform = Platform::efi;
    EXPECT_EQ(ipxe_script(input).value(), "#!ipxe\necho Berth: boots from its disk\nexit 1\n");
    input.platform = Platform::pcbios;
    EXPECT_EQ(ipxe_script(input).value(),
              "#!ipxe\necho Berth: boots from its disk\nsanboot --no-describe --drive 0x80 || exit 1\n");
}

TEST(IpxeScript, shows_a_message_for_ten_seconds_and_goes_on_to_the_disk) {
    ScriptInput input{.decision = {Action::message, Addition::none, "has no disk; set its mode to network"},
                      .platform = Platform::efi};
    EXPECT_EQ(ipxe_script(input).value(),
              "#!ipxe\necho Berth: has no disk; set its mode to network\n"
              "prompt --timeout 10000 Press a key to continue with the local disk now ||\nexit 1\n");
}

TEST(IpxeScript, refuses_values_that_could_become_commands) {
    const std::string evil[] = {"a b", "a\nshell", "a||shell", "${net0/ip}", "a;b",
                                "..",  "a&&b",     "\"",       "",           "a/b"};
    for (const auto& bad : evil) {
        for (auto member : {&ScriptInput::machine_id, &ScriptInput::boot_token, &ScriptInput::image,
                            &ScriptInput::image_build, &ScriptInput::site_build, &ScriptInput::site,
                            &ScriptInput::console, &ScriptInput::base_url, &ScriptInput::mac}) {
            if (bad.empty() && (member == &ScriptInput::site || member == &ScriptInput::mac ||
                                member == &ScriptInput::image_build || member == &ScriptInput::site_build))
                continue;
            auto input = network(Platform::efi);
            input.*member = bad;
            const auto script = ipxe_script(input);
            ASSERT_FALSE(script) << bad;
            EXPECT_EQ(code_of(script), "BERTH-P06");
        }
    }
    ScriptInput message{.decision = {Action::message, Addition::none, "x\nshell"}};
    EXPECT_FALSE(ipxe_script(message));
    message.decision.why = "x || shell";
    EXPECT_FALSE(ipxe_script(message));
}

TEST(IpxeScript, every_reason_of_the_decision_table_can_be_shown) {
    EXPECT_TRUE(with_provisioner(built_in_boot_ipxe(), "http://a"));
    for (const char* mode : {"network", "local", "install"})
        for (bool marked : {false, true})
            for (bool enabled : {false, true})
                for (auto disk : {DiskKnowledge::none, DiskKnowledge::present}) {
                    Machine m;
                    m.enabled = enabled, m.marked = marked, m.settings["mode"] = mode;
                    auto input = network(Platform::pcbios);
                    input.decision = decide(&m, {}, disk);
                    EXPECT_TRUE(ipxe_script(input)) << input.decision.why;
                }
}

TEST(BootScript, gets_the_provisioners_line_behind_its_first) {
    EXPECT_EQ(with_provisioner("#!ipxe\necho a\n", "http://10.0.0.1:80").value(),
              "#!ipxe\nset berth-url http://10.0.0.1:80\necho a\n");
    EXPECT_FALSE(with_provisioner("#!ipxe\n", "http://a\nshell"));
    EXPECT_FALSE(with_provisioner("#!/bin/sh\n", "http://a"));
    EXPECT_FALSE(with_provisioner("#!ipxe", "http://a"));
}

}  // namespace
}  // namespace berth::server
