// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace berth::volume {

// nfsstat3 (RFC 1813 2.6).
inline constexpr int k_nfs_io = 5, k_nfs_jukebox = 10008;

/// errno for what the VM asked, from an nfsstat3.
int nfs_errno(int nfs_status);

}  // namespace berth::volume
