// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/setup/hardware_facts.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace berth::boot {
namespace {

TEST(HardwareFacts, counts_processors_and_takes_the_first_model) {
    const CpuFacts cpu = parse_cpuinfo(
        "processor\t: 0\nmodel name\t: Some CPU @ 2GHz\n\nprocessor\t: 1\nmodel name\t: Some CPU @ 2GHz\n");
    EXPECT_EQ(cpu.cores, 2u);
    EXPECT_EQ(cpu.model, "Some CPU @ 2GHz");
    EXPECT_EQ(parse_cpuinfo("").cores, 0u);
}

TEST(HardwareFacts, reads_memory_in_MiB) {
    EXPECT_EQ(parse_memory_mib("MemTotal:        3072000 kB\nMemFree: 1 kB\n"), 3000u);
    EXPECT_EQ(parse_memory_mib("nonsense"), 0u);
}

TEST(HardwareFacts, believes_the_kvm_probe_only_in_its_own_form) {
    EXPECT_TRUE(parse_kvm_probe("{\"usable\":true,\"why\":\"\"}\n").usable);
    EXPECT_EQ(parse_kvm_probe(R"({"usable":false,"why":"switched off"})").why, "switched off");
    for (const char* bad : {"", "true", R"({"usable":"true"})", R"({"usable":true,"more":1})"}) {
        EXPECT_FALSE(parse_kvm_probe(bad).usable) << bad;
        EXPECT_EQ(parse_kvm_probe(bad).why, "the probe gave no answer");
    }
}

TEST(HardwareFacts, has_the_shape_of_the_status_post) {
    char name[] = "/tmp/berth-facts-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    const std::filesystem::path root = name;
    std::filesystem::create_directories(root / "sys/class/net/eth0/device");
    std::filesystem::create_symlink("../../bus/pci/drivers/e1000e",
                                    root / "sys/class/net/eth0/device/driver");
    std::filesystem::create_directories(root / "proc");
    std::ofstream(root / "sys/class/net/eth0/address") << "52:54:00:12:34:56\n";
    std::ofstream(root / "proc/cpuinfo") << "processor : 0\nmodel name : X\n";
    std::ofstream(root / "proc/meminfo") << "MemTotal: 2048 kB\n";
    const auto facts = hardware_facts({{.path = "/dev/vda", .bytes = 5, .partitions = {}}},
                                      {.usable = true, .why = ""}, root);
    EXPECT_EQ(facts,
              nlohmann::json::parse(R"({"cpu":"X","cores":1,"memory_mib":2,"disks":[{"name":"vda","bytes":5}],
        "nics":[{"mac":"52:54:00:12:34:56","driver":"e1000e"}],"kvm":{"usable":true,"why":""}})"));
    std::filesystem::remove_all(root);
}

/// A workstation below a folder of its own.
class OddHardware : public testing::Test {
  protected:
    OddHardware() {
        char name[] = "/tmp/berth-facts-XXXXXX";
        root = mkdtemp(name);
        std::filesystem::create_directories(root / "proc");
        write("proc/cpuinfo", "processor : 0\nmodel name : X\n");
        write("proc/meminfo", "MemTotal: 2048 kB\n");
    }
    ~OddHardware() override { std::filesystem::remove_all(root); }
    void write(const std::string& path, const std::string& text) {
        std::filesystem::create_directories((root / path).parent_path());
        std::ofstream(root / path) << text;
    }
    void card(const std::string& name, const std::string& address, const std::string& driver) {
        const auto folder = root / "sys/class/net" / name;
        std::filesystem::create_directories(folder / "device");
        std::filesystem::create_symlink("../../bus/drivers/" + driver, folder / "device/driver");
        std::ofstream(folder / "address") << address << "\n";
    }
    nlohmann::json facts(const std::vector<DiskFacts>& disks = {},
                         const KvmFacts& kvm = {.usable = true, .why = {}}) {
        return hardware_facts(disks, kvm, root, said);
    }
    std::filesystem::path root;
    std::vector<std::string> said;
};

TEST_F(OddHardware, tells_a_card_without_an_address_and_says_what_it_left_out) {
    card("eth0", "52:54:00:12:34:56", "e1000e");
    card("ib0", "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:0a:0b:0c", "mlx4_core");
    card("usb0", "02:00:00:00:00:01", "rndis_host");
    card("wwan0", "", "iosm");
    card("wwan1", "00:00:00:00:00:00", "qmi_wwan");
    write("sys/class/net/bond0/address", "52:54:00:12:34:56\n");
    write("sys/class/net/eth0.7/address", "52:54:00:12:34:56\n");
    EXPECT_EQ(facts()["nics"],
              nlohmann::json::parse(R"([{"mac":"52:54:00:12:34:56","driver":"e1000e"},{"driver":"mlx4_core"},
        {"mac":"02:00:00:00:00:01","driver":"rndis_host"},{"driver":"iosm"},{"driver":"qmi_wwan"}])"));
    EXPECT_EQ(
        facts()["left_out"],
        nlohmann::json::parse(
            R"(["nics: ib0: \"80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:0a:0b:0c\" is not a MAC address",
                      "nics: wwan0: \"\" is not a MAC address","nics: wwan1: \"00:00:00:00:00:00\" is not a MAC address"])"));
}

TEST_F(OddHardware, makes_plain_text_of_anything_and_leaves_out_what_it_does_not_know) {
    write("proc/cpuinfo", "model name : a\x1b[2J\xff" + std::string(500, 'x') + "\n");
    write("proc/meminfo", "");
    said = {"record: keymap \x1b"};
    const auto all = facts({{.path = "/dev/s\nda", .bytes = UINT64_MAX, .partitions = {}}},
                           {.usable = false, .why = std::string(1000, 'y')});
    EXPECT_TRUE(all["cpu"].get<std::string>().starts_with("a\\x1b[2J\\xffxxx"));
    EXPECT_EQ(all["cpu"].get<std::string>().size(), 128u);
    EXPECT_FALSE(all.contains("cores") || all.contains("memory_mib")) << all;
    EXPECT_EQ(all["disks"], nlohmann::json::parse(R"([{"name":"s\\x0ada","bytes":4611686018427387904}])"));
    EXPECT_EQ(all["kvm"]["why"].get<std::string>().size(), 256u);
    EXPECT_EQ(all["left_out"].size(), 6u) << all["left_out"];
    EXPECT_EQ(all["left_out"][0], "record: keymap \\x1b");
}

TEST_F(OddHardware, tells_the_first_of_two_hundred_disks_and_cards) {
    for (int n = 0; n < 200; ++n) card(fmt::format("eth{:03}", n), "52:54:00:12:34:56", "ixgbevf");
    std::vector<DiskFacts> disks(200, DiskFacts{.path = "/dev/sda", .bytes = 5, .partitions = {}});
    const auto all = facts(disks);
    EXPECT_EQ(all["disks"].size(), 64u);
    EXPECT_EQ(all["nics"].size(), 64u);
    EXPECT_EQ(all["left_out"], nlohmann::json::parse(R"(["disks: 136 more","nics: 136 more"])"));
}

TEST(DataFacts, say_why_in_plain_text) {
    EXPECT_EQ(data_facts({.persistent = true}), nlohmann::json::parse(R"({"kind":"persistent"})"));
    EXPECT_EQ(data_facts({.persistent = true, .why = "made anew", .remade = "remake-1"}),
              nlohmann::json::parse(R"({"kind":"persistent","why":"made anew","remade":"remake-1"})"));
    const auto odd = data_facts({.why = "a\x1b" + std::string(1000, 'x')});
    EXPECT_EQ(odd["why"].get<std::string>().size(), 256u);
    EXPECT_TRUE(odd["why"].get<std::string>().starts_with("a\\x1bx"));
}

}  // namespace
}  // namespace berth::boot
