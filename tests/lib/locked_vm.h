// SPDX-License-Identifier: GPL-3.0-or-later
// A real file server with one VM, whose lock is taken, and what a berth-volume is told to serve its disks.
#pragma once

#include <filesystem>
#include <string>

#include "tests/lib/ganesha_server.h"
#include "volume/api/volume_config.h"

namespace berth::test {

class LockedVm {
  public:
    static constexpr uint64_t k_disk = 64 << 20, k_shared = 1 << 20, k_swap = 16 << 20;  ///< Bytes.

    /// Disks: "software" (k_disk zeros, direct), "shared" (k_shared times 'B'), "swap" (k_swap zeros, local).
    /// Throws std::runtime_error.
    LockedVm();

    std::filesystem::path vm() const { return server.exported() / "ann/work"; }
    /// The disk's file, at the server or here.
    std::filesystem::path file(const std::string& disk) const;

    GaneshaServer server;
    volume::VolumeConfig config;
};

}  // namespace berth::test
