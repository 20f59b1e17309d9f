// SPDX-License-Identifier: GPL-3.0-or-later
// MOUNT version 3 (RFC 1813 appendix I): a directory's root handle, on a connection of its own.
#pragma once

#include "volume/nfs_ops.h"
#include "volume/rpc_connection.h"

namespace berth::volume {

/// M01, M02, M04, M05, M06, M11, M12.
Result<FileHandle> mount_root(const NfsLocation& location, const NfsCredentials& credentials,
                              Duration timeout, Interrupt interrupt);

}  // namespace berth::volume
