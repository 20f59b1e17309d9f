// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/machine_facts.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace berth::boot {
namespace {

TEST(MachineFacts, counts_processors_and_takes_the_first_model) {
    const CpuFacts cpu = parse_cpuinfo(
        "processor\t: 0\nmodel name\t: Some CPU @ 2GHz\n\nprocessor\t: 1\nmodel name\t: Some CPU @ 2GHz\n");
    EXPECT_EQ(cpu.cores, 2u);
    EXPECT_EQ(cpu.model, "Some CPU @ 2GHz");
    EXPECT_EQ(parse_cpuinfo("").cores, 0u);
}

TEST(MachineFacts, reads_memory_in_MiB) {
    EXPECT_EQ(parse_memory_mib("MemTotal:        3072000 kB\nMemFree: 1 kB\n"), 3000u);
    EXPECT_EQ(parse_memory_mib("nonsense"), 0u);
}

TEST(MachineFacts, believes_the_kvm_probe_only_in_its_own_form) {
    EXPECT_TRUE(parse_kvm_probe("{\"usable\":true,\"why\":\"\"}\n").usable);
    EXPECT_EQ(parse_kvm_probe(R"({"usable":false,"why":"switched off"})").why, "switched off");
    for (const char* bad : {"", "true", R"({"usable":"true"})", R"({"usable":true,"more":1})"}) {
        EXPECT_FALSE(parse_kvm_probe(bad).usable) << bad;
        EXPECT_EQ(parse_kvm_probe(bad).why, "the probe gave no answer");
    }
}

TEST(MachineFacts, has_the_shape_of_the_status_post) {
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
    const auto facts = machine_facts({{.path = "/dev/vda", .bytes = 5, .partitions = {}}},
                                     {.usable = true, .why = ""}, root);
    EXPECT_EQ(facts,
              nlohmann::json::parse(R"({"cpu":"X","cores":1,"memory_mib":2,"disks":[{"name":"vda","bytes":5}],
        "nics":[{"mac":"52:54:00:12:34:56","driver":"e1000e"}],"kvm":{"usable":true,"why":""}})"));
    std::filesystem::remove_all(root);
}

TEST(BootState, survives_being_written_and_read) {
    const BootState s{.persistent = true,
                      .clock = ClockState::waiting,
                      .kvm = {false, "no"},
                      .network = true,
                      .client_id = "m-1",
                      .host = "berth-12",
                      .missing_firmware = {"e100/a.bin", "b.fw"}};
    EXPECT_EQ(format_boot_state(parse_boot_state(format_boot_state(s))), format_boot_state(s));
    EXPECT_EQ(nlohmann::json::parse(format_boot_state(s)),
              nlohmann::json::parse(
                  R"({"data":"persistent","clock":"waiting","kvm":{"usable":false,"why":"no"},"network":true,
                                        "missing_firmware":["e100/a.bin","b.fw"],"client":{"id":"m-1","host":"berth-12"}})"));
}

TEST(BootState, starts_afresh_from_anything_malformed) {
    EXPECT_EQ(format_boot_state(parse_boot_state("{\"data\":\"persistent\"}")), format_boot_state({}));
    EXPECT_EQ(format_boot_state(parse_boot_state("")), format_boot_state({}));
}

}  // namespace
}  // namespace berth::boot
