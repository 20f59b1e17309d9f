// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/machine_config.h"

#include <gmock/gmock.h>

#include "base/plain_text.h"
#include "tests/testing/code_of.h"

namespace berth::guest {
namespace {

using testing::HasSubstr;

constexpr std::string_view k_head = R"(schema = 1
uuid = "2F1C6A5E-0d5e-4b61-9f0e-6a3d1c9b7e10"
memory = "2 GiB"
)";
constexpr std::string_view k_software = R"([[disk]]
name = "software"
role = "software"
path = "software.raw"
)";

Result<MachineConfig> parse(std::string_view text) {
    return parse_machine_config(text, "machine.toml");
}

/// The smallest good file with `extra` among the VM's keys and `disks` after the first disk.
Result<MachineConfig> parse_with(std::string_view extra, std::string_view disks = "") {
    return parse(fmt::format("{}{}\n{}{}", k_head, extra, k_software, disks));
}

void expect_error(const Result<MachineConfig>& result, ErrorCode code, std::string_view text) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(code_of(result), code_name(code)) << result.error().detail();
    EXPECT_EQ(result.error().detail(), text);
}

std::string swap_disk(std::string_view keys) {
    return fmt::format("[[disk]]\nname = \"swap\"\nrole = \"swap\"\n{}\n", keys);
}

TEST(MachineConfig, fills_in_every_default) {
    const auto config = parse_with("");
    ASSERT_TRUE(config) << config.error().detail();
    EXPECT_EQ(config->uuid, "2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e10");
    EXPECT_EQ(config->cpus, 1u);
    EXPECT_EQ(config->memory, 2ULL << 30);
    EXPECT_EQ(config->firmware, Firmware::bios);
    EXPECT_EQ(config->nvram, "");
    EXPECT_FALSE(config->tpm);
    EXPECT_EQ(config->clock, ClockBase::utc);
    EXPECT_FALSE(config->hyperv);
    EXPECT_EQ(config->sound, Sound::none);
    EXPECT_EQ(config->screen.model, ScreenModel::virtio);
    EXPECT_EQ(config->screen.resolution, std::nullopt);
    EXPECT_EQ(config->network.mode, NetworkMode::nat);
    EXPECT_EQ(config->network.model, "virtio");
    EXPECT_EQ(config->network.mac, "");
    EXPECT_THAT(config->devices, testing::ElementsAre("rng"));
    ASSERT_EQ(config->disks.size(), 1u);
    EXPECT_EQ(config->disks[0].bus, DiskBus::virtio);
    EXPECT_FALSE(config->disks[0].read_only);
    EXPECT_FALSE(config->disks[0].swap);
}

TEST(MachineConfig, reads_every_key) {
    const auto config = parse(R"(schema = 1
uuid = "2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e10"
cpus = 128
memory = "4TiB"
firmware = "uefi"
nvram = "efi/vars"
tpm = true
clock = "local"
devices = ["balloon", "tablet", "keyboard", "watchdog", "panic"]
[network]
mode = "bridge"
model = "e1000e"
mac = "52:54:00:AB:cd:ef"
[[disk]]
name = "base"
role = "shared"
bus = "scsi"
path = "base.raw"
[[disk]]
name = "files"
role = "files"
bus = "sata"
path = "sub/files.raw"
[[disk]]
name = "more"
role = "data"
path = "base.raw"
read_only = true
[[disk]]
name = "page"
role = "swap"
size = "512 MiB"
content = "ntfs"
label = "Page file"
volume_id = "4A1F6C20D3B5E789"
[[disk]]
name = "copy"
role = "swap"
size = "1 TiB"
content = "template"
template = "page.raw"
)");
    ASSERT_TRUE(config) << config.error().detail();
    EXPECT_EQ(config->cpus, 128u);
    EXPECT_EQ(config->memory, 4ULL << 40);
    EXPECT_EQ(config->firmware, Firmware::uefi);
    EXPECT_EQ(config->nvram, "efi/vars");
    EXPECT_TRUE(config->tpm);
    EXPECT_EQ(config->clock, ClockBase::local);
    EXPECT_THAT(config->devices, testing::ElementsAre("balloon", "tablet", "keyboard", "watchdog", "panic"));
    EXPECT_EQ(config->network.mode, NetworkMode::bridge);
    EXPECT_EQ(config->network.model, "e1000e");
    EXPECT_EQ(config->network.mac, "52:54:00:ab:cd:ef");
    ASSERT_EQ(config->disks.size(), 5u);
    EXPECT_EQ(config->disks[0].role, DiskRole::shared);
    EXPECT_EQ(config->disks[0].bus, DiskBus::scsi);
    EXPECT_TRUE(config->disks[0].read_only);
    EXPECT_EQ(config->disks[1].path, "sub/files.raw");
    EXPECT_EQ(config->disks[1].bus, DiskBus::sata);
    ASSERT_TRUE(config->disks[3].swap);
    EXPECT_EQ(config->disks[3].path, "");
    EXPECT_EQ(config->disks[3].swap->size, 512ULL << 20);
    EXPECT_EQ(config->disks[3].swap->content, SwapContent::ntfs);
    EXPECT_EQ(config->disks[3].swap->label, "Page file");
    EXPECT_EQ(config->disks[3].swap->volume_id, "4a1f6c20d3b5e789");
    EXPECT_EQ(config->disks[4].swap->template_path, "page.raw");
}

TEST(MachineConfig, reads_the_manual_pages_example) {
    const auto config = parse(R"(schema = 1
uuid = "2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e10"
cpus = 2
memory = "2 GiB"

[screen]
model = "virtio"
resolution = "monitor"

[network]
mode = "nat"

[[disk]]
name = "software"
role = "software"
path = "software.raw"

[[disk]]
name = "swap"
role = "swap"
size = "1 GiB"
uuid = "9b0c1d52-8f2e-4c11-a4de-0c5e1ad1b7a3"
label = "swap"
)");
    ASSERT_TRUE(config) << config.error().detail();
    EXPECT_EQ(config->disks[1].swap->uuid, "9b0c1d52-8f2e-4c11-a4de-0c5e1ad1b7a3");
    EXPECT_EQ(config->disks[1].swap->label, "swap");
}

TEST(MachineConfig, says_what_a_misspelt_key_should_be) {
    expect_error(parse_with("cpu = 2"), ErrorCode::C02,
                 R"(machine.toml line 4: unknown key "cpu"; perhaps "cpus" is meant)");
    expect_error(parse_with("[network]\nmodell = \"virtio\""), ErrorCode::C02,
                 R"(machine.toml line 5: unknown key "modell" in network; perhaps "model" is meant)");
    expect_error(parse_with("[network]\nspeed = 3"), ErrorCode::C02,
                 R"(machine.toml line 5: unknown key "speed" in network: known are mode, model, mac)");
}

TEST(MachineConfig, names_the_first_unknown_key_of_the_file) {
    expect_error(parse_with("zzzzzzzz = 1\naaaaaaaa = 1"), ErrorCode::C02,
                 "machine.toml line 4: unknown key \"zzzzzzzz\": known are schema, uuid, cpus, memory, "
                 "firmware, nvram, tpm, clock, start, devices, hyperv, sound, screen, "
                 "network, disk");
}

TEST(MachineConfig, says_which_schema_it_knows) {
    expect_error(parse("schema = 2\nfuture = true"), ErrorCode::C03,
                 "machine.toml line 1: schema 2: this workstation knows only schema 1");
    expect_error(
        parse(""), ErrorCode::C05,
        "machine.toml: schema is missing: must be 1; it belongs before the first line in [brackets]");
}

TEST(MachineConfig, gives_the_valid_range_of_numbers) {
    for (const auto* value : {"0", "129", "-1", "9223372036854775807", "-9223372036854775808"})
        expect_error(parse_with(fmt::format("cpus = {}", value)), ErrorCode::C03,
                     fmt::format("machine.toml line 4: cpus {}: must be an integer, 1 to 128", value));
    expect_error(parse_with("cpus = \"2\""), ErrorCode::C03,
                 R"(machine.toml line 4: cpus "2": must be an integer, 1 to 128)");
    expect_error(parse_with("cpus = 2.0"), ErrorCode::C03,
                 "machine.toml line 4: cpus is a floating-point number: must be an integer, 1 to 128");
}

TEST(MachineConfig, refuses_a_number_too_large_for_toml) {
    const auto config = parse_with("cpus = 9223372036854775808");
    ASSERT_FALSE(config);
    EXPECT_EQ(code_of(config), "BERTH-C01");
    EXPECT_THAT(config.error().detail(), HasSubstr("machine.toml line 4"));
}

TEST(MachineConfig, gives_the_valid_range_of_sizes) {
    constexpr std::string_view right = "must be a size such as \"1 GiB\", from 16 MiB to 4 TiB in whole MiB";
    for (const auto* value : {"\"15 MiB\"", "\"5 TiB\"", "\"1 GB\"", "\"16385 KiB\"", "\"-1 GiB\"", "\"\"",
                              "\"18446744073709551616 KiB\"", "\"36028797018963968 TiB\"", "\"1  GiB\"",
                              "\"1 GiB \"", "\"+1 GiB\"", "1024"})
        expect_error(
            parse(fmt::format("schema = 1\nuuid = \"2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e10\"\nmemory = {}\n{}",
                              value, k_software)),
            ErrorCode::C03, fmt::format("machine.toml line 3: memory {}: {}", value, right));
}

TEST(MachineConfig, lists_the_words_that_may_stand) {
    expect_error(parse_with("firmware = \"efi\""), ErrorCode::C03,
                 R"(machine.toml line 4: firmware "efi": must be "bios", "uefi" or "uefi-secure")");
    expect_error(parse_with("[network]\nmode = \"bridged\""), ErrorCode::C03,
                 R"(machine.toml line 5: mode of network "bridged": must be "nat", "bridge" or "none")");
    expect_error(
        parse_with("devices = [\"rng\", \"gpu\"]"), ErrorCode::C03,
        R"(machine.toml line 4: devices "gpu": must be an array of "rng", "balloon", "tablet", "keyboard", "watchdog" or "panic")");
    expect_error(parse_with("devices = [\"rng\", \"rng\"]"), ErrorCode::C03,
                 R"(machine.toml line 4: devices: "rng" appears twice)");
    expect_error(parse_with("tpm = \"yes\""), ErrorCode::C03,
                 R"(machine.toml line 4: tpm "yes": must be true or false, without quotes)");
}

TEST(MachineConfig, refuses_a_uuid_that_is_none) {
    for (const auto* value :
         {"2f1c6a5e0d5e4b619f0e6a3d1c9b7e10", "00000000-0000-0000-0000-000000000000",
          "2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e1g", "{2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e10}"}) {
        const auto config =
            parse(fmt::format("schema = 1\nuuid = \"{}\"\nmemory = \"1 GiB\"\n{}", value, k_software));
        ASSERT_FALSE(config) << value;
        EXPECT_THAT(
            config.error().detail(),
            HasSubstr(fmt::format("machine.toml line 2: uuid \"{}\": must be a UUID such as", value)));
    }
}

TEST(MachineConfig, refuses_a_mac_address_that_no_station_has) {
    for (const auto* value : {"53:54:00:12:34:56", "00:00:00:00:00:00", "52:54:00:12:34", "52-54-00-12-34-56",
                              "ff:ff:ff:ff:ff:ff"})
        expect_error(parse_with(fmt::format("[network]\nmac = \"{}\"", value)), ErrorCode::C03,
                     fmt::format("machine.toml line 5: mac of network \"{}\": must be six bytes such as "
                                 "\"52:54:00:12:34:56\", not a group "
                                 "address, not all zeros",
                                 value));
}

TEST(MachineConfig, refuses_a_path_that_leaves_the_folder) {
    for (const auto* path : {"../other/software.raw", "a/../../b", "..", "a/..", "/etc/shadow", "/", "",
                             "a//b", "./a", "a/", "a\\u0001b", "a\\u0000b"}) {
        const auto config = parse(
            fmt::format("{}[[disk]]\nname = \"d\"\nrole = \"software\"\npath = \"{}\"\n", k_head, path));
        ASSERT_FALSE(config) << path;
        EXPECT_EQ(code_of(config), "BERTH-C04") << config.error().detail();
        EXPECT_THAT(config.error().detail(), HasSubstr("machine.toml line 7: path of disk 1: "));
    }
    expect_error(
        parse(fmt::format("{}[[disk]]\nname = \"d\"\nrole = \"software\"\npath = \"../x\"\n", k_head)),
        ErrorCode::C04,
        R"(machine.toml line 7: path of disk 1: "../x": must stay inside the virtual machine's folder, without "..")");
    EXPECT_FALSE(parse(fmt::format("{}[[disk]]\nname = \"d\"\nrole = \"software\"\npath = \"{}\"\n", k_head,
                                   std::string(256, 'a'))));
    EXPECT_TRUE(parse(fmt::format("{}[[disk]]\nname = \"d\"\nrole = \"software\"\npath = \"{}\"\n", k_head,
                                  std::string(255, 'a'))));
    EXPECT_TRUE(parse(
        fmt::format("{}[[disk]]\nname = \"d\"\nrole = \"software\"\npath = \"a..b/..c/Größe\"\n", k_head)));
}

TEST(MachineConfig, refuses_berths_own_files_as_disks) {
    for (const auto* path : {"machine.toml", "lock.7", "last-used.7", "changes.1", "cache.key",
                             "replica/base", "tpm.state", ".berth-7"}) {
        const auto config = parse(
            fmt::format("{}[[disk]]\nname = \"d\"\nrole = \"software\"\npath = \"{}\"\n", k_head, path));
        ASSERT_FALSE(config) << path;
        EXPECT_EQ(code_of(config), "BERTH-C04");
    }
    EXPECT_FALSE(parse_with("firmware = \"uefi\"\nnvram = \"lock.1\""));
    EXPECT_FALSE(
        parse_with("", swap_disk("size = \"1 GiB\"\ncontent = \"template\"\ntemplate = \"lock.1\"")));
}

TEST(MachineConfig, keeps_two_writers_off_one_file) {
    const std::string again = "[[disk]]\nname = \"again\"\nrole = \"data\"\npath = \"software.raw\"\n";
    expect_error(
        parse_with("", again), ErrorCode::C04,
        R"(machine.toml line 12: path of disk 2: "software.raw" is in use already: only read-only disks may share a file)");
    EXPECT_FALSE(parse_with("", again + "read_only = true\n"));
    expect_error(
        parse_with("firmware = \"uefi\"\nnvram = \"software.raw\""), ErrorCode::C04,
        R"(machine.toml line 9: path of disk 1: "software.raw" is in use already: only read-only disks may share a file)");
}

TEST(MachineConfig, wants_each_disk_named_differently) {
    expect_error(
        parse_with("", "[[disk]]\nname = \"software\"\nrole = \"data\"\npath = \"d.raw\"\n"), ErrorCode::C03,
        R"(machine.toml line 10: name of disk 2: "software" is another disk's name: must be different)");
    expect_error(
        parse_with("", "[[disk]]\nname = \"Data Disk\"\nrole = \"data\"\npath = \"d.raw\"\n"), ErrorCode::C03,
        R"(machine.toml line 10: name of disk 2 "Data Disk": must be 1 to 32 characters of a-z, 0-9 and "-")");
}

TEST(MachineConfig, says_which_disk_lacks_what) {
    expect_error(parse_with("", "[[disk]]\nname = \"d\"\nrole = \"data\"\n"), ErrorCode::C05,
                 "machine.toml line 9: path of disk 2 is missing: must be the path of a file in the virtual "
                 "machine's folder");
    expect_error(
        parse_with("", "[[disk]]\nname = \"d\"\n"), ErrorCode::C05,
        R"(machine.toml line 9: role of disk 2 is missing: must be "software", "files", "data", "shared", "cdrom" or "swap")");
    expect_error(parse(k_head), ErrorCode::C05,
                 "machine.toml: disk is missing: must be an array of tables: [[disk]]");
    expect_error(parse(fmt::format("{}[disk]\nname = \"d\"\n", k_head)), ErrorCode::C03,
                 "machine.toml line 4: disk is a table: must be an array of tables: [[disk]]");
    expect_error(parse(fmt::format("{}disk = []\n", k_head)), ErrorCode::C03,
                 "machine.toml line 4: disk is an array: must be an array of tables: [[disk]]");
}

TEST(MachineConfig, takes_at_most_32_disks) {
    std::string disks;
    for (int i = 2; i <= 32; ++i)
        disks += fmt::format("[[disk]]\nname = \"d{0}\"\nrole = \"data\"\npath = \"{0}.raw\"\n", i);
    EXPECT_TRUE(parse_with("", disks));
    expect_error(parse_with("", disks + "[[disk]]\nname = \"one-more\"\nrole = \"data\"\npath = \"m.raw\"\n"),
                 ErrorCode::C03, "machine.toml line 5: disk: 33 disks: must be 1 to 32");
}

TEST(MachineConfig, describes_swap_and_nothing_else_there) {
    const std::string uuid = "uuid = \"9b0c1d52-8f2e-4c11-a4de-0c5e1ad1b7a3\"\n";
    EXPECT_TRUE(parse_with("", swap_disk("size = \"64 MiB\"\n" + uuid)));
    EXPECT_TRUE(parse_with("", swap_disk("size = \"1 TiB\"\ncontent = \"none\"")));
    expect_error(
        parse_with("", swap_disk("size = \"0 MiB\"\n" + uuid)), ErrorCode::C03,
        R"(machine.toml line 12: size of disk 2 "0 MiB": must be a size such as "1 GiB", from 64 MiB to 1 TiB in whole MiB)");
    expect_error(parse_with("", swap_disk("size = \"1 GiB\"\ncontent = \"none\"\n" + uuid)), ErrorCode::C03,
                 R"(machine.toml line 14: uuid of disk 2: belongs only to content "linux-swap")");
    expect_error(parse_with("", swap_disk("size = \"1 GiB\"\npath = \"swap.raw\"\n" + uuid)), ErrorCode::C03,
                 "machine.toml line 13: path of disk 2: a swap disk has no file on the server: leave it out");
    expect_error(parse_with("", swap_disk("size = \"1 GiB\"\nread_only = true\n" + uuid)), ErrorCode::C03,
                 "machine.toml line 13: read_only of disk 2: a swap disk is always writable");
    expect_error(
        parse_with("", swap_disk("size = \"1 GiB\"\nlabel = \"sixteen letters!\"\n" + uuid)), ErrorCode::C03,
        R"(machine.toml line 13: label of disk 2 "sixteen letters!": must be 1 to 15 printable ASCII characters)");
    expect_error(
        parse_with("", swap_disk("size = \"1 GiB\"\ncontent = \"ntfs\"\nvolume_id = \"0x12\"")),
        ErrorCode::C03,
        R"(machine.toml line 14: volume_id of disk 2 "0x12": must be 16 hexadecimal digits such as "4a1f6c20d3b5e789")");
    expect_error(
        parse_with("", "[[disk]]\nname = \"d\"\nrole = \"data\"\npath = \"d.raw\"\nsize = \"1 GiB\"\n"),
        ErrorCode::C03, "machine.toml line 13: size of disk 2: belongs only to a disk of the role swap");
    const auto without = parse_with("", swap_disk("size = \"1 GiB\""));
    ASSERT_FALSE(without);
    EXPECT_THAT(without.error().detail(),
                HasSubstr("machine.toml line 9: uuid of disk 2 is missing: must be a UUID such as"));
}

TEST(MachineConfig, wants_something_to_start_from) {
    expect_error(parse(fmt::format("{}{}", k_head, swap_disk("size = \"1 GiB\"\ncontent = \"none\""))),
                 ErrorCode::C05,
                 "machine.toml: there is only swap: must have a disk to start from, of the role software");
}

TEST(MachineConfig, reads_an_installation_medium_and_what_is_tried_first) {
    const auto config =
        parse_with("start = \"cdrom\"", "[[disk]]\nname = \"cd\"\nrole = \"cdrom\"\npath = \"cd.iso\"\n");
    ASSERT_TRUE(config) << config.error().detail();
    EXPECT_EQ(config->start, StartFrom::cdrom);
    EXPECT_EQ(config->disks[1].role, DiskRole::cdrom);
    EXPECT_EQ(config->disks[1].bus, DiskBus::sata);
    EXPECT_TRUE(config->disks[1].read_only);
    EXPECT_EQ(start_disk(*config), config->disks.data());
    EXPECT_EQ(parse_with("")->start, StartFrom::disk);
}

TEST(MachineConfig, keeps_media_read_only_and_off_virtio_and_starts_only_from_one_that_is_there) {
    const std::string cd = "[[disk]]\nname = \"cd\"\nrole = \"cdrom\"\npath = \"cd.iso\"\n";
    expect_error(parse_with("", cd + "read_only = false\n"), ErrorCode::C03,
                 "machine.toml line 13: read_only of disk 2: a cdrom is always read-only");
    expect_error(
        parse_with("", cd + "bus = \"virtio\"\n"), ErrorCode::C03,
        R"(machine.toml line 13: bus of disk 2: "virtio" has no cdroms: must be "sata" or "scsi" here)");
    expect_error(parse_with("start = \"cdrom\""), ErrorCode::C03,
                 R"(machine.toml line 4: start: "cdrom" needs a disk of the role cdrom)");
}

TEST(MachineConfig, keeps_shared_disks_read_only_and_off_sata) {
    expect_error(
        parse_with("", "[[disk]]\nname = \"s\"\nrole = \"shared\"\npath = \"s.raw\"\nread_only = false\n"),
        ErrorCode::C03, "machine.toml line 13: read_only of disk 2: a shared disk is always read-only");
    expect_error(
        parse_with("", "[[disk]]\nname = \"s\"\nrole = \"shared\"\nbus = \"sata\"\npath = \"s.raw\"\n"),
        ErrorCode::C03,
        R"(machine.toml line 12: bus of disk 2: "sata" has no read-only disks: must be "virtio" or "scsi" here)");
}

TEST(MachineConfig, has_no_nvram_without_uefi) {
    EXPECT_EQ(parse_with("firmware = \"uefi\"")->nvram, "nvram");
    expect_error(parse_with("nvram = \"nvram\""), ErrorCode::C03,
                 R"(machine.toml line 4: nvram: belongs only to firmware "uefi" and "uefi-secure")");
}

TEST(MachineConfig, has_a_screen_of_each_model_and_size) {
    for (const auto& [word, model] : k_screen_models) {
        const auto config = parse_with(fmt::format("[screen]\nmodel = \"{}\"", word));
        ASSERT_TRUE(config) << config.error().detail();
        EXPECT_EQ(config->screen.model, model);
    }
    for (const auto& [text, size] :
         {std::pair("320x240", Resolution{320, 240}), std::pair("1366x768", Resolution{1366, 768}),
          std::pair("7680x4320", Resolution{7680, 4320})}) {
        const auto config = parse_with(fmt::format("screen = {{ resolution = \"{}\" }}", text));
        ASSERT_TRUE(config) << config.error().detail();
        EXPECT_EQ(config->screen.resolution, size);
    }
    EXPECT_EQ(parse_with("[screen]\nresolution = \"monitor\"")->screen.resolution, std::nullopt);
}

TEST(MachineConfig, names_what_a_screen_must_be) {
    expect_error(
        parse_with("[screen]\nmodel = \"cirrus\""), ErrorCode::C03,
        R"(machine.toml line 5: model of screen "cirrus": must be "virtio", "qxl", "vga" or "none")");
    expect_error(parse_with("[screen]\nheads = 2"), ErrorCode::C02,
                 R"(machine.toml line 5: unknown key "heads" in screen: known are model, resolution)");
    for (const char* bad :
         {"", "x", "1280", "1280x", "x800", "319x240", "320x239", "7681x4320", "7680x4321", "01280x800",
          "+1280x800", "1280 x 800", "1280X800", "1280x800x24", "Monitor", "99999999999999999999x800"})
        expect_error(
            parse_with(fmt::format("[screen]\nresolution = \"{}\"", bad)), ErrorCode::C03,
            fmt::format("machine.toml line 5: resolution of screen \"{}\": must be \"monitor\", or width and "
                        "height such as \"1920x1080\", 320x240 to 7680x4320",
                        bad));
}

TEST(MachineConfig, keeps_a_picture_within_its_screens_memory) {
    EXPECT_TRUE(parse_with("[screen]\nmodel = \"vga\"\nresolution = \"5120x2880\""));
    expect_error(
        parse_with("[screen]\nmodel = \"qxl\"\nresolution = \"7680x4320\""), ErrorCode::C03,
        R"(machine.toml line 6: resolution of screen: "7680x4320": more than the model "qxl" has memory for (at most 16777216 pixels in all))");
}

TEST(MachineConfig, has_sound_only_where_there_is_a_screen) {
    EXPECT_EQ(parse_with("sound = \"hda\"")->sound, Sound::hda);
    EXPECT_EQ(parse_with("sound = \"ac97\"")->sound, Sound::ac97);
    EXPECT_TRUE(parse_with("sound = \"none\"\n[screen]\nmodel = \"none\""));
    expect_error(
        parse_with("sound = \"hda\"\n[screen]\nmodel = \"none\""), ErrorCode::C03,
        R"(machine.toml line 4: sound: needs a screen, by which it is heard: must be "none" with the screen model "none")");
}

TEST(MachineConfig, has_variables_for_secure_boot) {
    const auto config = parse_with("firmware = \"uefi-secure\"\nhyperv = true");
    ASSERT_TRUE(config) << config.error().detail();
    EXPECT_EQ(config->firmware, Firmware::uefi_secure);
    EXPECT_EQ(config->nvram, "nvram");
    EXPECT_TRUE(config->hyperv);
}

TEST(MachineConfig, names_the_line_of_a_syntax_error) {
    const auto config = parse_with("cpus = = 2");
    ASSERT_FALSE(config);
    EXPECT_EQ(code_of(config), "BERTH-C01");
    EXPECT_THAT(config.error().detail(), HasSubstr("machine.toml line 4: "));
}

TEST(MachineConfig, says_that_text_lacks_its_quotes) {
    const auto text = [](const Result<MachineConfig>& config) {
        return config ? std::string("accepted") : config.error().detail();
    };
    EXPECT_THAT(text(parse_with("firmware = bios")), HasSubstr("; text must be in \"quotes\""));
    EXPECT_THAT(text(parse_with("nvram = 2f1c6a5e-0d5e # a comment")),
                HasSubstr("; text must be in \"quotes\""));
    EXPECT_THAT(text(parse_with("tpm = True")), HasSubstr("; must be true or false, in small letters"));
    EXPECT_THAT(text(parse_with("[[disk]\nname = \"d\"")), testing::Not(HasSubstr("quotes")));
    EXPECT_THAT(text(parse_with("firmware = \"bios")), testing::Not(HasSubstr("must be in \"quotes")));
}

TEST(MachineConfig, shows_no_control_characters_of_a_syntax_error) {
    const auto config = parse_with("\"\\u001b[2J\u00fc\" = 1\n\"\\u001b[2J\u00fc\" = 2");
    ASSERT_FALSE(config);
    const std::string& text = config.error().detail();
    EXPECT_EQ(printable(text), text);
}

TEST(MachineConfig, refuses_a_key_that_stands_twice) {
    const auto config = parse_with("cpus = 1\ncpus = 2");
    ASSERT_FALSE(config);
    EXPECT_EQ(code_of(config), "BERTH-C01");
    EXPECT_THAT(config.error().detail(), HasSubstr("machine.toml line 5"));
}

TEST(MachineConfig, survives_text_made_to_break_parsers) {
    const auto repeat = [](std::string_view part, size_t n) {
        std::string text;
        for (size_t i = 0; i < n; ++i) text += part;
        return text;
    };
    const std::string hostile[] = {
        repeat("[", 500000),
        "a = " + repeat("[", 500000),
        "a = " + repeat("{a=", 200000),
        "a = " + repeat("{a.b.c.d=", 100000),
        "[a" + repeat(".a", 200000) + "]",
        "a" + repeat(".a", 200000) + " = 1",
        "[[a" + repeat(".\"a\"", 200000) + "]]",
        repeat("[a.b.c.d.e.f.g.h]\n", 50000),
        repeat("[[a]]\n", 170000),
        repeat("[[a.b.c]]\n", 100000),
        repeat("\"", 1000000),
        repeat("'''", 300000),
        "a = \"" + repeat("\\", 1000001) + "\"",
        "a = \"\"\"" + repeat("[", 500000),
        "a = 'x' # " + repeat("[", 500000) + "\n" + repeat("[", 100),
        repeat("a", 1000000),
        repeat("\xff", 1000000),
        repeat("\xf4\x90\x80\x80", 1000),
        "\xef\xbb\xbf" + std::string(k_head),
        std::string("schema = 1\0", 11),
        "a = 0x" + repeat("f", 100000),
        "a = 1e" + repeat("9", 100000),
        "a = 9999-99-99T99:99:99Z",
        std::string((1 << 20) + 1, '\n'),
    };
    for (const std::string& text : hostile) EXPECT_FALSE(parse(text)) << text.substr(0, 40);
}

TEST(MachineConfig, says_that_a_file_is_too_large_or_too_deep) {
    expect_error(parse(std::string((1 << 20) + 1, '\n')), ErrorCode::C01,
                 "machine.toml: 1048577 bytes: must be at most 1 MiB");
    expect_error(parse("a = 1\nb = [[[[[[[[[[[[[[[[["), ErrorCode::C01,
                 "machine.toml line 2: nested too deeply: at most 16 levels");
    expect_error(parse(std::string_view("a = 1\n\0", 7)), ErrorCode::C01,
                 "machine.toml line 2: a NUL byte: must be plain text in UTF-8");
}

TEST(MachineConfig, does_not_mistake_text_in_strings_for_depth) {
    const std::string deep = "[[[[[[[[[[[[[[[[[[[[....................";
    const std::string one = "'", three = "'''", text = "\"", long_text = "\"\"\"";
    for (const std::string& value :
         {one + deep + one, three + deep + "\n" + deep + three, text + deep + text,
          text + "\\\"" + deep + text, long_text + deep + "\n\\\"" + deep + "\"\"" + long_text}) {
        const auto config = parse_with("firmware = " + value);
        ASSERT_FALSE(config);
        EXPECT_EQ(code_of(config), "BERTH-C03") << config.error().detail();
    }
    EXPECT_TRUE(parse_with("# " + deep));
}

TEST(MachineConfig, shows_hostile_values_harmlessly) {
    expect_error(parse_with("firmware = \"\\u001b[2J\\\"" + std::string(100, 'x') + "\""), ErrorCode::C03,
                 "machine.toml line 4: firmware \"\\x1b[2J\\\"" + std::string(48, 'x') +
                     "...\": must be \"bios\", \"uefi\" or \"uefi-secure\"");
}

}  // namespace
}  // namespace berth::guest
