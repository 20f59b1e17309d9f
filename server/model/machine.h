// SPDX-License-Identifier: GPL-3.0-or-later
// A machine as the provisioner knows it, and the one table of what can be set for it. Values are kept as
// checked text: what is in the database went through `checked_setting`, so it may be written into scripts, URLs and
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
    bool (*valid)(
        std::string_view value);  ///< By the rules of base/text.h, which the workstation reads with.
    std::string (*normal)(std::string_view value) =
        nullptr;  ///< The one form of a valid value; null: as it is.
};
/// In the order in which they are shown.
std::span<const SettingRule> setting_rules();
const SettingRule* find_setting(std::string_view key);
/// The value in its one form, if it is valid; else P06 naming option, value and range. The empty value is
/// always valid: "not set".
Result<std::string> checked_setting(const SettingRule& rule, std::string_view value);

using Settings = std::map<std::string, std::string>;  ///< Key to value; what is not set is not in it.

/// The last post of a client (docs/architecture.md "Provisioner: HTTP"), each part as it was last given.
struct LastStatus {
    int64_t seen = 0;  ///< Seconds since 1970; 0: never.
    std::string boot_id, stage, error, platform;
    int percent = -1;        ///< -1: not given.
    int again = 0;           ///< So often it booted again since its last prompt (server/boot/decision.h).
    nlohmann::json facts;    ///< null: never given.
    nlohmann::json session;  ///< null: nobody is logged in.
};

struct Machine {
    std::string id;    ///< "m-0001", never used again.
    std::string name;  ///< Unique; the client's host name.
    std::vector<std::string> macs;
    std::string uuid, serial;  ///< Empty: not known.
    bool enabled = true;       ///< false: discovered, waiting for an admin.
    bool marked = false;       ///< To be installed at its next boot.
    Settings settings;         ///< The machine's own.
    LastStatus status;
    /// Own settings of the database that are not valid (from an older version, or edited by hand): they count
    /// as not set, are shown, and stay until an admin sets or takes them away.
    Settings refused{};
};

struct Policy {
    UnknownPolicy unknown = UnknownPolicy::local;
    Settings defaults;   ///< For machines whose own settings say nothing.
    Settings refused{};  ///< As a machine's.
};

/// The machine's own value, else the policy's, else the built-in one.
std::string effective(const Machine& machine, const Policy& policy, std::string_view key);
Mode effective_mode(const Machine& machine, const Policy& policy);
/// The keys of refused settings, own and default, that the machine does without; in the table's order.
std::vector<std::string_view> left_out(const Machine& machine, const Policy& policy);

std::string_view to_text(Mode mode);
std::string_view to_text(UnknownPolicy policy);
std::string_view to_text(Platform platform);
std::optional<UnknownPolicy> parse_unknown_policy(std::string_view text);
std::optional<Platform> parse_platform(std::string_view text);

/// `machine.json` (base/record/machine_record.h). Whatever the database holds, the workstation accepts it: what is
/// not valid is left out, and a refused setting that says where the users' files are makes all of them
/// unusable rather than let the next best file server count.
nlohmann::json machine_record(const Machine& machine, const Policy& policy, std::string_view boot_token);

}  // namespace berth::server
