// SPDX-License-Identifier: GPL-3.0-or-later
// What the site (/etc/berth/berth.toml, berth.toml(5)) and the provisioner (base/record/machine_record.h) say to a
// workstation. Formats: docs/architecture.md "Users, paths, parameters".
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/nfs_types.h"
#include "base/record/machine_record.h"
#include "base/result.h"
#include "greeter/site/chord.h"

namespace berth {

enum class LocateMethod { fixed, script };
enum class BreakPolicy { user, admin, nobody };

struct LocateConfig {
    LocateMethod method = LocateMethod::fixed;
    std::string server;
    std::string directory;  ///< "{user}" is replaced by PAM's user name.
    std::string script = "/etc/berth/locate";
    uint16_t nfs_port = 0, mount_port = 0;
    /// Not empty: why nobody may log in (MachineRecord::Nfs::unusable).
    std::string unusable{};
};

/// berth.toml.
struct ClientConfig {
    LocateConfig locate;
    std::string shared_location;  ///< "server:/path", or empty.
    BreakPolicy lock_break = BreakPolicy::user;
    /// The longest that one call of PAM may take, without the time in which the user types; none: the
    /// deadline of the step "authenticate".
    std::optional<std::chrono::nanoseconds> pam_limit;
    bool allow_emulation = false;
    std::string network_bridge;
    /// A guest on the bridge may send from the address of its lease only.
    bool guest_address_leased = false;
    /// "server:/path" of a VM's folder: who has no VM gets a copy of it at login; empty: nobody does.
    std::string template_vm;
    std::vector<Chord> chords = default_chords();
};

/// I04 names file, line, key and valid range. An unknown key is an error: it may be a misspelt rule.
Result<ClientConfig> parse_client_config(std::string_view text, std::string_view file);
/// A missing file is an empty one.
Result<ClientConfig> read_client_config(const std::string& file);
/// The values that machine.json gives (base/record/machine_record.h) over the site's.
ClientConfig with_record(ClientConfig config, const MachineRecord& record);

}  // namespace berth
