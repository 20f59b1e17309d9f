// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/nfs/nfs_status.h"

#include <array>

#include "files/nfs/libnfs_raw.h"

namespace berth::files {
namespace {

struct StatusRow {
    int status;
    ErrorCode code;
    std::string_view name;
};
constexpr std::array k_statuses = {
    StatusRow{NFS3ERR_PERM, ErrorCode::M06, "NFS3ERR_PERM"},
    StatusRow{NFS3ERR_NOENT, ErrorCode::M09, "NFS3ERR_NOENT"},
    StatusRow{NFS3ERR_IO, ErrorCode::M11, "NFS3ERR_IO"},
    StatusRow{NFS3ERR_NXIO, ErrorCode::M11, "NFS3ERR_NXIO"},
    StatusRow{NFS3ERR_ACCES, ErrorCode::M06, "NFS3ERR_ACCES"},
    StatusRow{NFS3ERR_EXIST, ErrorCode::M13, "NFS3ERR_EXIST"},
    StatusRow{NFS3ERR_XDEV, ErrorCode::M11, "NFS3ERR_XDEV"},
    StatusRow{NFS3ERR_NODEV, ErrorCode::M11, "NFS3ERR_NODEV"},
    StatusRow{NFS3ERR_NOTDIR, ErrorCode::M09, "NFS3ERR_NOTDIR"},
    StatusRow{NFS3ERR_ISDIR, ErrorCode::M11, "NFS3ERR_ISDIR"},
    StatusRow{NFS3ERR_INVAL, ErrorCode::M11, "NFS3ERR_INVAL"},
    StatusRow{NFS3ERR_FBIG, ErrorCode::M11, "NFS3ERR_FBIG"},
    StatusRow{NFS3ERR_NOSPC, ErrorCode::M07, "NFS3ERR_NOSPC"},
    StatusRow{NFS3ERR_ROFS, ErrorCode::M03, "NFS3ERR_ROFS"},
    StatusRow{NFS3ERR_MLINK, ErrorCode::M11, "NFS3ERR_MLINK"},
    StatusRow{NFS3ERR_NAMETOOLONG, ErrorCode::M11, "NFS3ERR_NAMETOOLONG"},
    StatusRow{NFS3ERR_NOTEMPTY, ErrorCode::M11, "NFS3ERR_NOTEMPTY"},
    StatusRow{NFS3ERR_DQUOT, ErrorCode::M08, "NFS3ERR_DQUOT"},
    StatusRow{NFS3ERR_STALE, ErrorCode::M10, "NFS3ERR_STALE"},
    StatusRow{NFS3ERR_REMOTE, ErrorCode::M11, "NFS3ERR_REMOTE"},
    StatusRow{NFS3ERR_BADHANDLE, ErrorCode::M10, "NFS3ERR_BADHANDLE"},
    StatusRow{NFS3ERR_NOTSUPP, ErrorCode::M11, "NFS3ERR_NOTSUPP"},
    StatusRow{NFS3ERR_SERVERFAULT, ErrorCode::M11, "NFS3ERR_SERVERFAULT"},
    StatusRow{NFS3ERR_JUKEBOX, ErrorCode::M04, "NFS3ERR_JUKEBOX"},
};

}  // namespace

ErrorCode nfs_error_code(int nfs_status) {
    for (const auto& row : k_statuses)
        if (row.status == nfs_status) return row.code;
    return ErrorCode::M11;
}

std::string_view nfs_status_name(int nfs_status) {
    for (const auto& row : k_statuses)
        if (row.status == nfs_status) return row.name;
    return "unknown status";
}

}  // namespace berth::files
