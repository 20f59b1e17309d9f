// SPDX-License-Identifier: GPL-3.0-or-later
// berth-volume(8): becomes nbdkit with our plugin.
#pragma once

#include <string>
#include <vector>

#include "volume/api/volume_config.h"

namespace berth::volume {

struct NbdkitPaths {
    std::string nbdkit = "/usr/bin/nbdkit";
    std::string plugin = "/usr/lib/berth/nbdkit-berth-plugin.so";
};

/// nbdkit's arguments for `config`, which `config_file` holds.
std::vector<std::string> nbdkit_arguments(const NbdkitPaths& paths, const std::string& config_file,
                                          const VolumeConfig& config);

/// The program: 0 is never returned after success (the process is another one), 1 with a message on standard
/// error.
int launch_volume(int argc, char** argv);

}  // namespace berth::volume
