// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/nfs_errno.h"

#include <cerrno>

namespace berth::volume {
namespace {

constexpr int k_perm = 1, k_acces = 13, k_nospc = 28, k_rofs = 30, k_dquot = 69;

}  // namespace

int nfs_errno(int nfs_status) {
    switch (nfs_status) {
        case k_nospc:
        case k_dquot:
            return ENOSPC;
        case k_perm:
        case k_acces:
        case k_rofs:
            return EPERM;
        default:
            return EIO;
    }
}

}  // namespace berth::volume
