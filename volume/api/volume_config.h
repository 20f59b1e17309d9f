// SPDX-License-Identifier: GPL-3.0-or-later
// volume.json, what berth-volume is told (docs/architecture.md "Volume process"): written by the session,
// read by the engine.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/nfs_types.h"
#include "base/result.h"

namespace berth::volume {

enum class DiskMode {
    direct,  ///< A file of the VM's directory on the file server.
    shared,  ///< The same, read-only: a link into the shared tree.
    local,   ///< A file of this client (swap).
};

struct VolumeDisk {
    std::string name;  ///< [a-z0-9-]{1,32}, unique; also the NBD export's name.
    DiskMode mode = DiskMode::direct;
    std::string path;  ///< direct, shared: relative to the VM's directory, without ".."; local: absolute.
    bool read_only = false;
    friend bool operator==(const VolumeDisk&, const VolumeDisk&) = default;
};

struct VolumeConfig {
    std::string run_dir;  ///< Absolute. nbd.sock and control.sock are made there, with the folder's group and
                          ///< mode 0660.
    NfsLocation nfs;
    NfsCredentials credentials;
    std::optional<NfsLocation> shared;
    std::string vm;
    uint64_t epoch = 0;  ///< The lock that the session took.
    std::string nonce;
    std::string owner;  ///< The client's id.
    std::vector<VolumeDisk> disks;
    std::chrono::milliseconds renew{10'000}, hold{60'000};
    std::chrono::milliseconds request_timeout{
        15'000};                              ///< A request unanswered for so long fails to QEMU with EIO.
    std::chrono::milliseconds notice{5'000};  ///< After so much silence the state is `silent`.
    friend bool operator==(const VolumeConfig&, const VolumeConfig&) = default;
};

std::string format_volume_config(const VolumeConfig& config);
/// Strict and fuzzed: V01 naming the key and its valid range.
Result<VolumeConfig> parse_volume_config(std::string_view text);

}  // namespace berth::volume
