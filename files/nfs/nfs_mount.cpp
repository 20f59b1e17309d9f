// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/nfs/nfs_mount.h"

#include "base/text.h"
#include "files/file_limits.h"
#include "files/nfs/rpc_call.h"

namespace berth::files {
namespace {

constexpr int k_mount_program = 100005, k_mount_version = 3;

ErrorCode mount_error_code(int status) {
    switch (status) {
        case MNT3ERR_PERM:
        case MNT3ERR_ACCES:
            return ErrorCode::M06;
        case MNT3ERR_NOENT:
        case MNT3ERR_NOTDIR:
        case MNT3ERR_NAMETOOLONG:
            return ErrorCode::M05;
        default:
            return ErrorCode::M11;
    }
}

}  // namespace

Result<MountedRoot> mount_root(const NfsLocation& location, ServerAddresses& server,
                               const NfsCredentials& credentials, Duration timeout,
                               const Interrupt& interrupt) {
    SystemClock clock;
    const BootTime deadline = clock.now() + timeout;
    uint16_t port = location.mount_port;
    if (port == 0) {
        port = BERTH_TRY(
            RpcConnection::ask_port_mapper(server, k_mount_program, k_mount_version, timeout, interrupt));
    }
    auto connection =
        BERTH_TRY(RpcConnection::connect(server, port, credentials, deadline - clock.now(), interrupt));
    FileHandle root;
    int status = 0;
    std::string text;
    std::string directory = location.directory;
    auto issue = [&](rpc_context* rpc, rpc_cb cb, void* user) {
        return rpc_mount3_mnt_async(rpc, cb, directory.data(), user);
    };
    auto take = [&root](void* data) {
        auto* result = static_cast<mountres3*>(data);
        const auto& handle = result->mountres3_u.mountinfo.fhandle;
        if (result->fhs_status == MNT3_OK && handle.fhandle3_val && handle.fhandle3_len <= k_longest_handle)
            root.assign(handle.fhandle3_val, handle.fhandle3_len);
        return static_cast<int>(result->fhs_status);
    };
    const CallEnd end = run_call(*connection, issue, take, deadline - clock.now(), interrupt, status, text);
    connection->reset();
    const std::string what = format_location(location);
    if (end == CallEnd::interrupted) return fail(ErrorCode::L05);
    if (end == CallEnd::lost) return fail(ErrorCode::M04, "{}: no answer to MOUNT", what);
    if (end == CallEnd::refused) return fail(ErrorCode::M06, "{}: {}", what, text);
    if (status != 0) return fail(mount_error_code(status), "{}", what);
    if (!possible_handle(root))
        return fail(ErrorCode::M11, "{}: its handle has not 1 to {} bytes", what, k_longest_handle);
    return MountedRoot{std::move(root), port};
}

}  // namespace berth::files
