// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/api/volume_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/testing/code_of.h"

namespace berth::volume {
namespace {

VolumeConfig sample() {
    VolumeConfig c;
    c.run_dir = "/run/berth/vm/s1";
    c.nfs = {"fs1", "/export/users/ann", 2049, 20048};
    c.credentials = {1000, 1000, {1000, 100}};
    c.shared = NfsLocation{"fs1", "/export/shared"};
    c.vm = "work";
    c.epoch = 7;
    c.nonce = "0123456789abcdef0123456789abcdef";
    c.owner = "m-0001";
    c.disks = {{"software", DiskMode::direct, "software.raw", false},
               {"swap", DiskMode::local, "/var/lib/berth/swap/s1.raw", false}};
    return c;
}

TEST(VolumeConfig, comes_back_as_it_was_written) {
    auto back = parse_volume_config(format_volume_config(sample()));
    ASSERT_TRUE(back) << back.error().to_log();
    EXPECT_EQ(*back, sample());
    VolumeConfig alone = sample();
    alone.shared.reset();
    EXPECT_EQ(*parse_volume_config(format_volume_config(alone)), alone);
}

struct Change {
    const char* pointer;
    nlohmann::json value;
    const char* complaint;
};

TEST(VolumeConfig, names_the_key_and_its_range_when_it_is_wrong) {
    const Change changes[] = {
        {"/run_dir", "run", "run_dir \"run\": must be an absolute path"},
        {"/vm", "../other", "vm \"../other\": must be the name of a directory"},
        {"/vm", "..", "vm \"..\": must be the name of a directory"},
        {"/lock/epoch", 0, "lock.epoch 0: must be a whole number from 1"},
        {"/lock/nonce", "xyz", "lock.nonce \"xyz\": must be 32 hex digits"},
        {"/nfs/groups", nlohmann::json(std::vector<int>(17, 1)),
         "nfs.groups [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]: must be a list of 0 to 16 members"},
        {"/nfs/groups/0", -1, "nfs.groups[0] -1: must be a whole number from 0"},
        {"/nfs/uid", -1, "nfs.uid -1: must be a whole number"},
        {"/nfs/nfs_port", 65536, "nfs.nfs_port 65536: must be a whole number from 0 to 65535"},
        {"/disks/0/mode", "cached", "disks[0].mode \"cached\": must be \"direct\", \"shared\" or \"local\""},
        {"/disks/0/path", "/etc/passwd", "disks[0].path \"/etc/passwd\": must be absolute for mode local"},
        {"/disks/1/path", "swap.raw", "disks[1].path \"swap.raw\": must be absolute for mode local"},
        {"/disks/1/name", "software", "disks[1].name \"software\": must not be the name of an earlier disk"},
        {"/disks/0/name", "Software", "disks[0].name \"Software\": must be 1 to 32 of"},
        {"/disks", nlohmann::json::array(), "disks []: must be a list of 1 to 64 members"},
        {"/lease/hold_ms", 9000, "lease.hold_ms 9000: must be more than renew_ms"},
        {"/surprise", 1, "surprise: is not a known member"},
    };
    for (const auto& change : changes) {
        auto object = nlohmann::json::parse(format_volume_config(sample()));
        object[nlohmann::json::json_pointer(change.pointer)] = change.value;
        auto parsed = parse_volume_config(object.dump());
        ASSERT_FALSE(parsed) << change.pointer;
        EXPECT_EQ(code_of(parsed), "BERTH-V01");
        EXPECT_EQ(parsed.error().detail().find(std::string("volume.json: ") + change.complaint), 0u)
            << parsed.error().detail();
    }
}

}  // namespace
}  // namespace berth::volume
