// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/model/machine.h"

#include <algorithm>

#include "base/plain_text.h"
#include "base/record/machine_record.h"

namespace berth::server {
namespace {

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_host(std::string_view text) {
    return parse_host(text).has_value();
}
std::string normal_host(std::string_view text) {
    return parse_host(text).value_or("");
}

bool is_port_or_zero(std::string_view text) {
    return parse_port(text).has_value();
}

std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> parts;
    while (true) {
        const size_t comma = text.find(',');
        parts.emplace_back(text.substr(0, comma));
        if (comma == std::string_view::npos) return parts;
        text.remove_prefix(comma + 1);
    }
}

bool is_host_list(std::string_view text) {
    const auto hosts = split_list(text);
    return hosts.size() <= k_max_time_servers && std::ranges::all_of(hosts, is_host);
}
std::string normal_host_list(std::string_view text) {
    std::string list;
    for (const auto& host : split_list(text)) list += (list.empty() ? "" : ",") + normal_host(host);
    return list;
}

bool is_console(std::string_view text) {
    if (one_of(text, {"tty1", "ttyS0", "ttyS1"})) return true;
    return one_of(text, {"ttyS0,9600", "ttyS0,19200", "ttyS0,38400", "ttyS0,57600", "ttyS0,115200",
                         "ttyS1,9600", "ttyS1,19200", "ttyS1,38400", "ttyS1,57600", "ttyS1,115200"});
}

constexpr SettingRule k_rules[] = {
    {"mode", "--mode", "network, local or install", "what the machine does at power-on", "network",
     [](std::string_view v) { return one_of(v, {"network", "local", "install"}); }},
    {"keymap", "--keymap", "1 to 32 of letters, digits, '-', '_', not '-' first", "key map of the console",
     "", is_keymap},
    {"time_zone", "--time-zone", "a zone's name such as Europe/Berlin", "time zone", "", is_time_zone},
    {"ntp", "--ntp", "1 to 8 host names or addresses with commas between", "time servers", "", is_host_list,
     normal_host_list},
    {"data", "--data", "auto, none or remake",
     "auto: an empty disk may become the data partition; remake: make it anew once, which takes the state of "
     "unfinished sessions away",
     "none", is_data_setting},
    {"console", "--console", "tty1, ttyS0 or ttyS1, the latter two also with ,9600 to ,115200",
     "the one terminal", "tty1", is_console},
    {"image", "--image", "an image folder's name", "the image that runs from the network", "berth",
     is_file_name},
    {"site", "--site", "a site archive folder's name", "the site archive", "", is_file_name},
    {"nfs_server", "--nfs-server", "a host name or an address", "file server of the users' directories", "",
     is_host, normal_host},
    {"nfs_directory", "--nfs-directory",
     "an absolute path of letters, digits and /._-+@, without \"..\"; {user} is replaced by the user's name",
     "directory of a user on it", "", is_record_path},
    {"nfs_port", "--nfs-port", "0 (ask the port mapper) to 65535", "port of NFS", "", is_port_or_zero},
    {"mount_port", "--mount-port", "0 (ask the port mapper) to 65535", "port of MOUNT", "", is_port_or_zero},
    {"shared", "--shared", "host:/absolute/path, an IPv6 address in brackets", "the shared tree", "",
     is_record_location},
    {"bridge", "--bridge", "an interface's name of 1 to 15 letters, digits, '.', '_', '-', not '-' first",
     "host bridge offered to VMs", "", is_interface_name},
    {"guest_address", "--guest-address", "any or leased", "source addresses of VMs on the bridge", "",
     is_guest_address},
};

}  // namespace

std::span<const SettingRule> setting_rules() {
    return k_rules;
}

const SettingRule* find_setting(std::string_view key) {
    for (const auto& rule : k_rules)
        if (rule.key == key) return &rule;
    return nullptr;
}

Result<std::string> checked_setting(const SettingRule& rule, std::string_view value) {
    if (!value.empty() && !rule.valid(value))
        return fail(ErrorCode::P06, "{} \"{}\": must be {}", rule.option.substr(2), printable(value, 80),
                    rule.range);
    return value.empty() || rule.normal == nullptr ? std::string(value) : rule.normal(value);
}

std::string effective(const Machine& machine, const Policy& policy, std::string_view key) {
    const std::string name(key);
    if (auto own = machine.settings.find(name); own != machine.settings.end()) return own->second;
    if (auto given = policy.defaults.find(name); given != policy.defaults.end()) return given->second;
    const auto* rule = find_setting(key);
    return rule == nullptr ? std::string() : std::string(rule->built_in);
}

Mode effective_mode(const Machine& machine, const Policy& policy) {
    const std::string mode = effective(machine, policy, "mode");
    return mode == "network" ? Mode::network : mode == "install" ? Mode::install : Mode::local;
}

std::string_view to_text(Mode mode) {
    return mode == Mode::network ? "network" : mode == Mode::local ? "local" : "install";
}
std::string_view to_text(UnknownPolicy policy) {
    return policy == UnknownPolicy::local      ? "local"
           : policy == UnknownPolicy::discover ? "discover"
                                               : "enrol";
}
std::string_view to_text(Platform platform) {
    return platform == Platform::pcbios ? "pcbios" : "efi";
}

std::optional<UnknownPolicy> parse_unknown_policy(std::string_view text) {
    for (auto p : {UnknownPolicy::local, UnknownPolicy::discover, UnknownPolicy::enrol})
        if (to_text(p) == text) return p;
    return std::nullopt;
}
std::optional<Platform> parse_platform(std::string_view text) {
    for (auto p : {Platform::pcbios, Platform::efi})
        if (to_text(p) == text) return p;
    return std::nullopt;
}

std::vector<std::string_view> left_out(const Machine& machine, const Policy& policy) {
    std::vector<std::string_view> keys;
    for (const auto& rule : k_rules) {
        const std::string key(rule.key);
        if (machine.refused.contains(key) ||
            (!machine.settings.contains(key) && policy.refused.contains(key)))
            keys.push_back(rule.key);
    }
    return keys;
}

nlohmann::json machine_record(const Machine& machine, const Policy& policy, std::string_view boot_token) {
    // Checked here too, so that the promise does not rest on every caller.
    const auto value = [&](std::string_view key) {
        return checked_setting(*find_setting(key), effective(machine, policy, key)).value_or("");
    };
    const auto port = [&](std::string_view key) { return parse_port(value(key)).value_or(0); };
    MachineRecord record{.id = machine.id,
                         .name = is_host_name(machine.name) ? machine.name : "",
                         .keymap = value("keymap"),
                         .time_zone = value("time_zone"),
                         .data_auto = value("data") == "auto" || is_remake(value("data")),
                         .remake = is_remake(value("data")) ? value("data") : "",
                         .nfs = {.server = value("nfs_server"),
                                 .directory = value("nfs_directory"),
                                 .shared = value("shared"),
                                 .nfs_port = port("nfs_port"),
                                 .mount_port = port("mount_port")},
                         .network_bridge = value("bridge"),
                         .guest_address = value("guest_address"),
                         .boot_token = is_boot_token(boot_token) ? std::string(boot_token) : ""};
    if (const auto list = value("ntp"); !list.empty()) record.ntp = split_list(list);
    for (const auto key : left_out(machine, policy)) {
        if (!one_of(key, {"nfs_server", "nfs_directory", "nfs_port", "mount_port", "shared"})) continue;
        const auto& rule = *find_setting(key);
        const auto own = machine.refused.find(std::string(key));
        const auto& stored = own != machine.refused.end() ? own->second : policy.refused.at(std::string(key));
        record.nfs = {.unusable = fmt::format("{} \"{}\" at the provisioner: must be {}",
                                              rule.option.substr(2), printable(stored, 80), rule.range)};
        break;
    }
    return machine_record_json(record);
}

}  // namespace berth::server
