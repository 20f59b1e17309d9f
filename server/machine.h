// SPDX-License-Identifier: GPL-3.0-or-later
// A machine as the provisioner knows it, and the one table of what can be set for it. Values are kept as
// checked text: what is in the database went through `checked_setting`, so it may stand in scripts, URLs and
// command lines.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berth::server {

enum class Mode { network, local, install };
enum class UnknownPolicy { local, discover, enrol };
enum class Platform { pcbios, efi };

/// One thing that can be set. `key` is the name in the database, `option` berthctl's.
struct SettingRule {
    std::string_view key, option, range, help, built_in;
    bool (*legal)(std::string_view value);
};
/// In the order in which they are shown.
std::span<const SettingRule> setting_rules();
const SettingRule* find_setting(std::string_view key);
/// The value, if it is legal; else P06 naming option, value and range. The empty value is always legal: "not
/// set".
Result<std::string> checked_setting(const SettingRule& rule, std::string_view value);

using Settings = std::map<std::string, std::string>;  ///< Key to value; what is not set is not in it.

/// The last post of a client (docs/architecture.md "Provisioner: HTTP"), each part as it was last given.
struct LastStatus {
    int64_t seen = 0;  ///< Seconds since 1970; 0: never.
    std::string boot_id, stage, error, platform;
    int percent = -1;        ///< -1: not given.
    nlohmann::json facts;    ///< null: never given.
    nlohmann::json session;  ///< null: nobody is logged in.
};

struct Machine {
    std::string id;    ///< "m-0001", never used again.
    std::string name;  ///< Unique; the client's host name.
    std::vector<std::string> macs;
    std::string uuid, serial;  ///< Empty: not known.
    bool enabled = true;       ///< false: discovered, waiting for an admin.
    bool marked = false;       ///< To be installed at its next boot (REQUIREMENTS B2).
    Settings settings;         ///< The machine's own.
    LastStatus status;
};

struct Policy {
    UnknownPolicy unknown = UnknownPolicy::local;
    Settings defaults;  ///< For machines whose own settings say nothing.
};

/// The machine's own value, else the policy's, else the built-in one.
std::string effective(const Machine& machine, const Policy& policy, std::string_view key);
Mode effective_mode(const Machine& machine, const Policy& policy);

std::string_view to_text(Mode mode);
std::string_view to_text(UnknownPolicy policy);
std::string_view to_text(Platform platform);
std::optional<UnknownPolicy> parse_unknown_policy(std::string_view text);
std::optional<Platform> parse_platform(std::string_view text);

/// `machine.json` (schema 1).
nlohmann::json machine_record(const Machine& machine, const Policy& policy, std::string_view boot_token);

}  // namespace berth::server
