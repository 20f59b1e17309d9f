// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>

#include "files/file_ops.h"

namespace berth::volume {

/// One of a VM's disks on a file server, as it was found when the engine began.
struct ServedFile {
    size_t disk = 0;      ///< Index in the configuration.
    bool shared = false;  ///< In the shared tree.
    files::FileHandle handle;
    files::Attributes attributes;
};

}  // namespace berth::volume
