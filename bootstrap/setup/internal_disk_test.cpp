// SPDX-License-Identifier: GPL-3.0-or-later
// A sysfs made by hand: the paths are those of real machines.
#include "bootstrap/setup/internal_disk.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "bootstrap/setup/data_partition.h"

namespace berth::boot {
namespace {

namespace fs = std::filesystem;

class Sysfs : public testing::Test {
  protected:
    Sysfs() {
        char name[] = "/tmp/berth-sysfs-XXXXXX";
        sys_ = mkdtemp(name);
        fs::create_directories(sys_ / "block");
    }
    ~Sysfs() override { fs::remove_all(sys_); }

    fs::path device(const std::string& path, const std::string& bus = "") {
        const fs::path folder = sys_ / "devices" / path;
        fs::create_directories(folder);
        if (!bus.empty()) fs::create_directory_symlink("/sys/bus/" + bus, folder / "subsystem");
        return folder;
    }
    static void set(const fs::path& device, const std::string& name, const std::string& value) {
        std::ofstream(device / name) << value << "\n";
    }
    /// A disk at that path, whose own `removable` is 0.
    fs::path disk(const std::string& path) {
        const fs::path folder = device(path);
        set(folder, "removable", "0");
        const fs::path link = sys_ / "block" / folder.filename();
        fs::create_directory_symlink(folder, link);
        return link;
    }

  private:
    fs::path sys_;
};

constexpr const char* k_port = "pci0000:00/0000:00:1d.0";
constexpr const char* k_function = "pci0000:00/0000:00:1d.0/0000:03:00.0";

TEST_F(Sysfs, takes_disks_of_the_workstation_itself_for_internal) {
    device(k_port, "pci"), device(k_function, "pci");
    EXPECT_EQ(why_not_internal(disk(std::string(k_function) + "/nvme/nvme0/nvme0n1")), "");
    EXPECT_EQ(why_not_internal(disk("pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda")), "");
    EXPECT_EQ(why_not_internal(disk("pci0000:00/0000:00:04.0/virtio1/block/vda")), "");
    // The kernel says "fixed" of what cannot be taken out, "unknown" of what it cannot tell.
    set(device("pci0000:00/0000:00:1e.0"), "removable", "fixed");
    set(device("pci0000:00/0000:00:1f.0"), "removable", "unknown");
    EXPECT_EQ(why_not_internal(disk("pci0000:00/0000:00:1e.0/ata2/block/sdb")), "");
    EXPECT_EQ(why_not_internal(disk("pci0000:00/0000:00:1f.0/ata3/block/sdc")), "");
}

TEST_F(Sysfs, sees_a_disk_behind_a_thunderbolt_port_however_far_down_it_is) {
    set(device(k_function, "pci"), "removable", "removable");
    EXPECT_NE(why_not_internal(disk(std::string(k_function) + "/nvme/nvme0/nvme0n1")), "");
    EXPECT_NE(why_not_internal(disk(std::string(k_function) +
                                    "/0000:04:01.0/0000:05:00.0/ata9/host8/target8:0:0/8:0:0:0/block/sdb")),
              "");
    EXPECT_EQ(why_not_internal(disk(std::string(k_port) + "/0000:0a:00.0/nvme/nvme1/nvme1n1")), "");
}

TEST_F(Sysfs, sees_a_thunderbolt_disk_that_says_it_has_several_paths) {
    const fs::path function = device(k_function, "pci");
    const fs::path controller = device(std::string(k_function) + "/nvme/nvme0", "nvme");
    const std::string paths = "virtual/nvme-subsystem/nvme-subsys0";
    const fs::path subsystem = device(paths, "nvme-subsystem");
    const fs::path block = disk(paths + "/nvme0n1");
    EXPECT_NE(why_not_internal(block), "") << "no controller is known";
    fs::create_directory_symlink(controller, subsystem / "nvme0");
    EXPECT_EQ(why_not_internal(block), "");
    set(function, "removable", "removable");
    EXPECT_NE(why_not_internal(block), "");
}

TEST_F(Sysfs, sees_an_nvme_disk_at_a_server) {
    device("virtual/nvme-fabrics/ctl", "nvme-fabrics");
    EXPECT_EQ(why_not_internal(disk("virtual/nvme-fabrics/ctl/nvme0/nvme0n1")), "at a server");
}

TEST_F(Sysfs, tells_sd_from_mmc) {
    const std::string host = "pci0000:00/0000:00:1a.0/mmc_host/mmc0";
    set(device(host + "/mmc0:0001", "mmc"), "type", "MMC");
    set(device(host + "/mmc0:0002", "mmc"), "type", "SD");
    set(device(host + "/mmc0:0003", "mmc"), "type", "SDcombo");
    device(host + "/mmc0:0004", "mmc");
    EXPECT_EQ(why_not_internal(disk(host + "/mmc0:0001/block/mmcblk0")), "");
    for (int n : {2, 3, 4})
        EXPECT_EQ(why_not_internal(
                      disk(host + "/mmc0:000" + std::to_string(n) + "/block/mmcblk" + std::to_string(n))),
                  "an SD card")
            << n;
}

TEST_F(Sysfs, sees_buses_for_what_is_plugged_in_even_where_the_kernel_says_fixed) {
    for (const char* bus : {"usb", "firewire", "pcmcia", "memstick"}) {
        const std::string path = std::string("pci0000:00/0000:00:14.0/") + bus + "1/1-1";
        set(device(path, bus), "removable", "fixed");
        EXPECT_NE(why_not_internal(disk(path + "/host6/target6:0:0/6:0:0:0/block/" + bus)), "") << bus;
    }
}

TEST_F(Sysfs, sees_a_removable_medium_and_doubts_what_it_cannot_read) {
    const fs::path block = disk("pci0000:00/0000:00:17.0/ata2/block/sdd");
    set(block, "removable", "1");
    EXPECT_EQ(why_not_internal(block), "a removable medium");
    fs::remove(block / "removable");
    EXPECT_NE(why_not_internal(block), "");
    EXPECT_NE(why_not_internal(block.parent_path() / "missing"), "");
}

/// Whatever its partition says: an attacker makes label and type as they like.
TEST(ExternalDisk, is_never_used_for_state) {
    const DiskFacts own{.path = "/dev/nvme0n1",
                        .bytes = 1ULL << 40,
                        .external = "behind a port",
                        .has_table = true,
                        .partitions = {{.path = "/dev/nvme0n1p1",
                                        .type = k_data_partition_type,
                                        .file_system = "ext4",
                                        .label = k_data_label}}};
    const DiskFacts empty{.path = "/dev/sdb",
                          .bytes = 1ULL << 40,
                          .external = "on USB",
                          .edges_are_zero = true,
                          .partitions = {}};
    const auto plan = plan_data_partition({own, empty}, {.may_create = true});
    ASSERT_TRUE(std::holds_alternative<UseMemory>(plan));
    EXPECT_EQ(std::get<UseMemory>(plan).why,
              "no disk may be used: /dev/nvme0n1 is behind a port, /dev/sdb is on USB");
}

}  // namespace
}  // namespace berth::boot
