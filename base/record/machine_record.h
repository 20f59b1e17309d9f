// SPDX-License-Identifier: GPL-3.0-or-later
// machine.json: what the provisioner says about this machine (docs/architecture.md "machine.json"). The
// provisioner writes it and the workstation reads it by this file alone, and the form of each value is a rule
// of base/text.h, which berthctl asks too. Untrusted input: it can never name a program, a key or a PAM
// setting.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace berth {

struct MachineRecord {
    std::string id;                ///< is_machine_id.
    std::string name;              ///< is_host_name, or empty.
    std::string keymap;            ///< is_keymap, or empty.
    std::string time_zone;         ///< is_time_zone, or empty.
    std::vector<std::string> ntp;  ///< is_host_or_address each, at most k_max_time_servers.
    bool data_auto = false;        ///< Make a data partition on an empty disk.
    std::string remake;            ///< is_remake: make the data partition anew, once for this word; or empty.
    struct Nfs {
        std::string server, directory, shared;  ///< is_host_or_address, is_record_path, is_record_location.
        uint16_t nfs_port = 0, mount_port = 0;
        /// Not empty: why nobody may log in, for a part of this is wrong and another file server than the one
        /// that was meant would be used. The others are empty then.
        std::string unusable{};
    } nfs;                         ///< Empty members were not given.
    std::string network_bridge;    ///< is_interface_name, or empty.
    std::string guest_address;     ///< is_guest_address, or empty.
    std::string boot_token;        ///< is_boot_token, or empty.
    uint64_t minimum_version = 0;  ///< Images below are refused.
    bool allow_older = false;      ///< Images older than the one this initramfs was made with are accepted.

    /// B12 for each setting that was there and could not be accepted. It counts as not given; one of `nfs`
    /// makes the whole of it unusable. Not written by machine_record_json.
    std::vector<Error> left_out{};
};

inline constexpr size_t k_max_machine_record = 64 * 1024;
inline constexpr size_t k_max_time_servers = 8;
inline constexpr const char* k_machine_record_path = "/run/berth/machine.json";

/// A wrong value of a setting is left out and told in `left_out`. The record is refused as a whole (B08,
/// naming the key and its form) where leaving out is not safe or tells nothing: it is not JSON, `schema`,
/// `id` or what judges the image (`minimum_version`, `allow_older`) is wrong, or a key is unknown.
Result<MachineRecord> parse_machine_record(std::string_view text);

/// The text's value: parse_machine_record of it is `record`, if each member is as said above.
nlohmann::json machine_record_json(const MachineRecord& record);

}  // namespace berth
