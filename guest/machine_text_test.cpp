// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/machine_text.h"

#include <gtest/gtest.h>

#include "tests/testing/code_of.h"

namespace berth::guest {
namespace {

constexpr const char* k_uuid = "11111111-2222-4333-8444-555555555555";
constexpr const char* k_mac = "52:54:00:0a:0b:0c";
constexpr std::string_view k_text = R"(# Größe: für die Klasse
schema = 1
"uuid" = '6a4f3c1e-0000-4000-8000-000000000001'  # the template's
memory = "64 MiB"
firmware = "uefi"
tpm = true
network = { mode = "nat", mac = "52:54:00:00:00:01" } # ä
[[disk]]
name = "software"
role = "software"
path = "disks/ü \"x\".raw"
[[disk]]
name = "swap"
role = "swap"
size = "64 MiB"
uuid = "9b0c1d52-8f2e-4c11-a4de-0c5e1ad1b7a3"
)";

TEST(MachineText, a_copy_has_another_uuid_and_mac_and_every_other_byte_stays) {
    const auto copy = copy_machine_toml(k_text, "machine.toml", k_uuid, k_mac);
    ASSERT_TRUE(copy) << copy.error().to_log();
    std::string wanted(k_text);
    wanted.replace(wanted.find("'6a4f"), 38, "\"" + std::string(k_uuid) + "\"");
    wanted.replace(wanted.find("\"52:54"), 19, "\"" + std::string(k_mac) + "\"");
    EXPECT_EQ(copy->text, wanted);
    EXPECT_EQ(copy->config.uuid, k_uuid);
    EXPECT_EQ(copy->config.network.mac, k_mac);
}

TEST(MachineText, a_copy_takes_the_disks_and_the_variables_but_not_the_tpm) {
    const auto copy = copy_machine_toml(k_text, "machine.toml", k_uuid, k_mac);
    ASSERT_TRUE(copy);
    EXPECT_EQ(copy->files, (std::vector<std::string>{"disks/ü \"x\".raw"}));
    EXPECT_EQ(copy->optional, (std::vector<std::string>{"nvram"}));
}

TEST(MachineText, a_copy_without_a_mac_gets_none_because_it_follows_from_the_uuid) {
    std::string text(k_text);
    text.replace(text.find(", mac = \"52:54:00:00:00:01\""), 27, "");
    const auto copy = copy_machine_toml(text, "machine.toml", k_uuid, k_mac);
    ASSERT_TRUE(copy);
    EXPECT_EQ(copy->text.find(k_mac), std::string::npos);
}

TEST(MachineText, what_is_no_machine_toml_is_not_copied) {
    EXPECT_EQ(code_of(copy_machine_toml("schema = 1\n", "machine.toml", k_uuid, k_mac)), "BERTH-C05");
}

TEST(MachineText, what_is_written_reads_back_the_same) {
    MachineConfig config;
    config.uuid = k_uuid;
    config.cpus = 3;
    config.memory = 3ULL << 30;
    config.firmware = Firmware::uefi_secure;
    config.nvram = "vars";
    config.hyperv = true;
    config.sound = Sound::ac97;
    config.screen = {.model = ScreenModel::vga, .resolution = Resolution{1024, 768}};
    config.tpm = true;
    config.clock = ClockBase::local;
    config.start = StartFrom::cdrom;
    config.devices = {"rng", "tablet"};
    config.network = {.mode = NetworkMode::bridge, .mac = k_mac, .model = "e1000e"};
    config.disks = {
        {.name = "software", .role = DiskRole::software, .bus = DiskBus::scsi, .path = "a \"b\"\\c.raw"},
        {.name = "ro", .role = DiskRole::data, .path = "ro.raw", .read_only = true},
        {.name = "cd", .role = DiskRole::cdrom, .bus = DiskBus::sata, .path = "cd.iso", .read_only = true},
        {.name = "swap", .role = DiskRole::swap}};
    config.disks[3].swap = SwapSpec{.size = 1ULL << 30, .uuid = k_uuid, .label = "swap"};
    const std::string text = format_machine_config(config);
    const auto read = parse_machine_config(text, "machine.toml");
    ASSERT_TRUE(read) << read.error().to_log() << "\n" << text;
    EXPECT_EQ(format_machine_config(*read), text);
    EXPECT_EQ(read->disks[0].path, config.disks[0].path);
    EXPECT_EQ(read->start, StartFrom::cdrom);
    EXPECT_EQ(read->network.model, "e1000e");
    EXPECT_EQ(read->firmware, Firmware::uefi_secure);
    EXPECT_TRUE(read->hyperv);
    EXPECT_EQ(read->sound, Sound::ac97);
    EXPECT_EQ(read->screen.model, ScreenModel::vga);
    EXPECT_EQ(read->screen.resolution, (Resolution{1024, 768}));
}

TEST(MachineText, fresh_identities_are_valid_and_differ) {
    EXPECT_NE(fresh_uuid(), fresh_uuid());
    EXPECT_NE(fresh_mac(), fresh_mac());
    std::string text(k_text);
    const auto copy = copy_machine_toml(text, "machine.toml", fresh_uuid(), fresh_mac());
    EXPECT_TRUE(copy);
}

}  // namespace
}  // namespace berth::guest
