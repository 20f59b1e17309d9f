// SPDX-License-Identifier: GPL-3.0-or-later
// MOUNT version 3 (RFC 1813 appendix I): a directory's root handle, on a connection of its own. `timeout`
// bounds all of it together.
#pragma once

#include "files/file_ops.h"
#include "files/nfs/rpc_connection.h"

namespace berth::files {

struct MountedRoot {
    FileHandle handle;
    uint16_t port;  ///< Where MOUNT answered.
};

/// M01, M02, M04, M05, M06, M11, M12, L05. `server` is the location's.
Result<MountedRoot> mount_root(const NfsLocation& location, ServerAddresses& server,
                               const NfsCredentials& credentials, Duration timeout,
                               const Interrupt& interrupt);

}  // namespace berth::files
