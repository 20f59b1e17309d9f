// SPDX-License-Identifier: GPL-3.0-or-later
// machine.json: what the provisioner says about this machine (docs/architecture.md "machine.json"). Untrusted
// input: it can never name a program, a key or a PAM setting, and every value that reaches a tool is of a
// narrow form.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berth {

struct MachineRecord {
    std::string id;                ///< [A-Za-z0-9._:-]{1,64}
    std::string name;              ///< Host name (RFC 1123 label or labels), or empty.
    std::string keymap;            ///< [A-Za-z0-9_-]{1,32}, or empty.
    std::string time_zone;         ///< "Europe/Berlin": parts of [A-Za-z0-9_+-], or empty.
    std::vector<std::string> ntp;  ///< Names or addresses, at most 8.
    bool data_auto = false;        ///< Make a data partition on an empty disk.
    struct Nfs {
        std::string server, directory, shared;
        uint16_t nfs_port = 0, mount_port = 0;
    } nfs;  ///< Empty members were not given.
    std::string network_bridge;
    std::string boot_token;        ///< Hex digits, or empty.
    uint64_t minimum_version = 0;  ///< Images below are refused.
    bool allow_older = false;      ///< Images older than the one this initramfs was made with are accepted.
};

inline constexpr size_t k_max_machine_record = 64 * 1024;
inline constexpr const char* k_machine_record_path = "/run/berth/machine.json";

/// B08 naming the key and its legal form.
Result<MachineRecord> parse_machine_record(std::string_view text);

/// A machine id as it may stand in a URL's path and in a file name.
bool is_machine_id(std::string_view text);
/// A host name or an IPv4/IPv6 address: what may be handed to a resolver or written into a configuration
/// line.
bool is_host_or_address(std::string_view text);

}  // namespace berth
