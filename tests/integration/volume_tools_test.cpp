// SPDX-License-Identifier: GPL-3.0-or-later
// berth-volume as other people's NBD clients see it: nbdinfo, nbdcopy, qemu-io, fio.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "base/spawn.h"
#include "tests/lib/locked_vm.h"
#include "volume/api/volume_process.h"

namespace berth::volume {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using nlohmann::json;

struct VolumeToolsTest : ::testing::Test {
    void SetUp() override {
        VolumeProgram program;
        program.program = BERTH_VOLUME;
        program.environment = {{"BERTH_NBDKIT_PLUGIN", BERTH_NBDKIT_PLUGIN}};
        auto started = VolumeProcess::start(vm.config, program);
        ASSERT_TRUE(started) << started.error().to_log();
        process.emplace(std::move(*started));
        const auto ready = process->wait_ready(30s);
        ASSERT_TRUE(ready) << ready.error().to_log();
    }
    std::string uri(const std::string& disk) const {
        return "nbd+unix:///" + disk + "?socket=" + vm.config.run_dir + "/nbd.sock";
    }
    /// What it printed; the test fails with what it complained of if it failed.
    static std::string tool(std::vector<std::string> arguments) {
        const std::string name = arguments[0];
        SpawnOptions options;
        options.arguments = std::move(arguments);
        const auto done = run(options, 120s);
        EXPECT_TRUE(done) << done.error().to_log();
        if (!done) return {};
        EXPECT_EQ(done->exit_code, 0) << name << ": " << done->err << done->out;
        return done->out;
    }
    std::string qemu_io(const std::string& disk, const std::vector<std::string>& commands) const {
        std::vector<std::string> arguments{"qemu-io", "-f", "raw"};
        for (const auto& command : commands) arguments.insert(arguments.end(), {"-c", command});
        arguments.push_back(uri(disk));
        return tool(arguments);
    }
    json info(const std::string& disk) const {
        return json::parse(tool({"nbdinfo", "--json", uri(disk)}), nullptr, false)["exports"][0];
    }
    std::string bytes(const std::string& disk, uint64_t offset, size_t count) const {
        std::ifstream in(vm.file(disk), std::ios::binary);
        in.seekg(static_cast<std::streamoff>(offset));
        std::string found(count, '-');
        in.read(found.data(), static_cast<std::streamsize>(count));
        return found;
    }
    /// Of whole MiB: random bytes in every other one, holes between.
    fs::path image(uint64_t size) const {
        const fs::path path = vm.server.folder() / "image.raw";
        std::ofstream out(path, std::ios::binary);
        std::minstd_rand random(1);
        for (uint64_t at = 0; at < size; at += 2 << 20) {
            std::string part(1 << 20, '\0');
            for (auto& byte : part) byte = static_cast<char>(random() >> 8);
            out.seekp(static_cast<std::streamoff>(at));
            out << part;
        }
        out.close();
        fs::resize_file(path, size);
        return path;
    }
    static uint64_t room(const fs::path& file) {
        return std::stoull(tool({"stat", "--format=%b", file})) * 512;
    }

    test::LockedVm vm;
    std::optional<VolumeProcess> process;
};

TEST_F(VolumeToolsTest, nbdinfo_tells_what_each_disk_can) {
    const json software = info("software"), shared = info("shared"), swap = info("swap");
    EXPECT_EQ(software["export-size"], vm.k_disk);
    for (const json& disk : {software, shared, swap}) {
        EXPECT_EQ(disk["can_flush"], true) << disk;
        EXPECT_EQ(disk["can_fua"], !disk["is_read_only"].get<bool>()) << disk;
        EXPECT_EQ(disk["can_multi_conn"], true) << disk;
        EXPECT_EQ(disk["block_size_minimum"], 1) << disk;
        EXPECT_EQ(disk["block_size_preferred"], 4096) << disk;
        EXPECT_EQ(disk["block_size_maximum"], 32 << 20) << disk;
    }
    EXPECT_EQ(software["is_read_only"], false);
    EXPECT_EQ(software["can_zero"], true) << "nbdkit writes the zeros";
    EXPECT_EQ(software["can_fast_zero"], true) << "which it refuses to call fast";
    EXPECT_EQ(software["can_trim"], false);
    EXPECT_EQ(software["can_cache"], false);
    EXPECT_EQ(shared["is_read_only"], true);
    EXPECT_EQ(shared["can_trim"], false);
    EXPECT_EQ(swap["is_read_only"], false);
    EXPECT_EQ(swap["can_zero"], true);
    EXPECT_EQ(swap["can_fast_zero"], true);
    EXPECT_EQ(swap["can_trim"], true);
    EXPECT_EQ(swap["can_cache"], true);
    const std::string list =
        tool({"nbdinfo", "--list", "nbd+unix:///?socket=" + vm.config.run_dir + "/nbd.sock"});
    for (const char* disk : {"software", "shared", "swap"})
        EXPECT_NE(list.find("export=\"" + std::string(disk) + "\""), list.npos) << list;
}

TEST_F(VolumeToolsTest, nbdinfo_maps_the_holes_of_a_local_disk_and_calls_all_of_another_data) {
    qemu_io("swap", {"write -P 1 1M 1M", "flush"});
    const auto map = [&](const std::string& disk) {
        std::vector<std::pair<uint64_t, uint64_t>> parts;
        for (const json& part : json::parse(tool({"nbdinfo", "--map", "--json", uri(disk)}), nullptr, false))
            parts.emplace_back(part["length"], part["type"]);
        return parts;
    };
    using Parts = std::vector<std::pair<uint64_t, uint64_t>>;
    EXPECT_EQ(map("swap"), (Parts{{1 << 20, 3}, {1 << 20, 0}, {vm.k_swap - (2 << 20), 3}}));
    EXPECT_EQ(map("software"), (Parts{{vm.k_disk, 0}}));
}

TEST_F(VolumeToolsTest, nbdcopy_brings_an_image_to_each_disk_and_back) {
    for (const auto& [disk, size] : {std::pair{"software", vm.k_disk}, std::pair{"swap", vm.k_swap}}) {
        const fs::path from = image(size), back = vm.server.folder() / "back.raw";
        tool({"nbdcopy", "--flush", "--connections=4", "--requests=16", from, uri(disk)});
        tool({"cmp", from, vm.file(disk)});
        tool({"nbdcopy", "--connections=4", "--requests=16", uri(disk), back});
        tool({"cmp", from, back});
    }
    EXPECT_LE(room(vm.file("swap")), vm.k_swap / 2 + (1 << 20)) << "holes stay holes";
}

TEST_F(VolumeToolsTest, nbdcopy_reads_the_shared_image) {
    const fs::path back = vm.server.folder() / "back.raw";
    tool({"nbdcopy", uri("shared"), back});
    tool({"cmp", vm.file("shared"), back});
}

TEST_F(VolumeToolsTest, qemu_io_reads_back_what_it_wrote_zeroed_and_discarded) {
    for (const std::string disk : {"software", "swap"}) {
        const std::string out = qemu_io(
            disk, {"write -P 0x5a 0 4M", "read -P 0x5a 0 4M", "write -f -P 0x5b 1234 4321",
                   "read -P 0x5b 1234 4321", "write -z 1M 64k", "read -P 0 1M 64k", "write -z -u 2M 64k",
                   "read -P 0 2M 64k", "aio_write -P 0x11 8M 1M", "aio_write -P 0x22 9M 1M", "aio_flush",
                   "read -P 0x22 9M 1M", "discard 3M 1M", "flush"});
        EXPECT_EQ(out.find("failed"), out.npos) << out;
        EXPECT_EQ(bytes(disk, 0, 1), "\x5a");
        EXPECT_EQ(bytes(disk, 1234, 1), "\x5b");
        EXPECT_EQ(bytes(disk, (1 << 20) + 5, 1), std::string(1, '\0'));
        EXPECT_EQ(bytes(disk, (8 << 20) + 5, 1), "\x11");
    }
    EXPECT_EQ(bytes("swap", 3 << 20, 1), std::string(1, '\0')) << "given back";
    EXPECT_EQ(bytes("software", 3 << 20, 1), "\x5a") << "NFSv3 cannot, and QEMU knows";
}

TEST_F(VolumeToolsTest, qemu_io_zeros_most_of_a_disk_on_a_server_at_once) {
    const std::string out = qemu_io("software", {"write -P 0x5a 0 64M", "write -z 1M 62M", "read -P 0 1M 62M",
                                                 "read -P 0x5a 0 1M", "read -P 0x5a 63M 1M", "flush"});
    EXPECT_EQ(out.find("failed"), out.npos) << out;
    EXPECT_EQ(bytes("software", 62 << 20, 1), std::string(1, '\0'));
}

TEST_F(VolumeToolsTest, fio_verifies_what_it_wrote_with_many_requests_at_once) {
    for (const std::string disk : {"software", "swap"}) {
        const std::string out =
            tool({"fio", "--name=" + disk, "--ioengine=nbd", "--uri=" + uri(disk), "--rw=randrw", "--bs=4k",
                  "--size=8m", "--iodepth=16", "--fsync=64", "--verify=crc32c", "--verify_fatal=1",
                  "--verify_state_save=0", "--output-format=json"});
        // In front of it fio may say something about itself.
        const json report = json::parse(out.substr(std::min(out.size(), out.find('{'))), nullptr, false);
        ASSERT_FALSE(report.is_discarded()) << out;
        const json& job = report["jobs"][0];
        EXPECT_EQ(job["error"], 0) << out;
        EXPECT_GT(job["write"]["io_bytes"], 2 << 20);
        EXPECT_GT(job["read"]["io_bytes"], job["write"]["io_bytes"]) << "all that was written is read again";
    }
}

}  // namespace
}  // namespace berth::volume
