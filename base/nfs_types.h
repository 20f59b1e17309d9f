// SPDX-License-Identifier: GPL-3.0-or-later
// Plain values that cross volume's border. No libnfs type does.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace berth {

/// Where a directory is served: NFSv3 over TCP (RFC 1813).
struct NfsLocation {
    std::string server;       ///< Name or address.
    std::string directory;    ///< Absolute path that MOUNT resolves: an export or a folder below one.
    uint16_t nfs_port = 0;    ///< 0: ask the port mapper (RFC 1833).
    uint16_t mount_port = 0;  ///< 0: ask the port mapper.
    friend bool operator==(const NfsLocation&, const NfsLocation&) = default;
};

/// A server as a mount found it.
struct MountedServer {
    /// All that its name led to: numeric, without zone and brackets, an IPv4 address never as an IPv6 one.
    std::vector<std::string> addresses;
    uint16_t nfs_port = 0, mount_port = 0;  ///< Where NFS and MOUNT answered.
    friend bool operator==(const MountedServer&, const MountedServer&) = default;
};

/// AUTH_SYS (RFC 5531 appendix A): at most k_max_groups supplementary groups travel; more is an error, never
/// a silent cut.
struct NfsCredentials {
    uint32_t uid = 0;
    uint32_t gid = 0;
    std::vector<uint32_t> groups;
    friend bool operator==(const NfsCredentials&, const NfsCredentials&) = default;
};
inline constexpr size_t k_max_groups = 16;

}  // namespace berth
