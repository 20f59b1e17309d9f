// SPDX-License-Identifier: GPL-3.0-or-later
// libnfs's raw calls, in the order in which its headers depend on each other. For files/nfs/ and volume/core/
// only.
#pragma once

// clang-format off
#include <nfsc/libnfs-zdr.h>
#include <nfsc/libnfs.h>
#include <nfsc/libnfs-raw.h>
#include <nfsc/libnfs-raw-mount.h>
#include <nfsc/libnfs-raw-nfs.h>
#include <nfsc/libnfs-raw-portmap.h>
// clang-format on

#include "files/file_ops.h"

namespace berth::files {

/// libnfs takes char* and only reads; it lasts as long as `handle`.
inline nfs_fh3 fh_of(const FileHandle& handle) {
    nfs_fh3 fh{};
    fh.data.data_len = handle.size();
    fh.data.data_val = const_cast<char*>(handle.data());
    return fh;
}

}  // namespace berth::files
