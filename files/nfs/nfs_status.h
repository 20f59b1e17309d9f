// SPDX-License-Identifier: GPL-3.0-or-later
// nfsstat3 (RFC 1813 2.6) as ours.
#pragma once

#include <string_view>

#include "base/result.h"

namespace berth::files {

ErrorCode nfs_error_code(int nfs_status);
/// Its name there: "NFS3ERR_STALE".
std::string_view nfs_status_name(int nfs_status);

}  // namespace berth::files
