// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/machine.h"

#include <algorithm>
#include <charconv>

#include "server/text.h"

namespace berth::server {
namespace {

constexpr std::string_view k_letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool made_of(std::string_view text, std::string_view more, size_t longest) {
    return text.size() <= longest && std::all_of(text.begin(), text.end(), [&](char c) {
               return k_letters.find(c) != std::string_view::npos || more.find(c) != std::string_view::npos;
           });
}

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_path(std::string_view text) {
    return text.starts_with("/") && made_of(text, "/._-{}@+", 255) &&
           text.find("..") == std::string_view::npos;
}

bool is_location(std::string_view text) {
    const size_t colon = text.find(":/");
    return colon != std::string_view::npos && is_host(text.substr(0, colon)) &&
           is_path(text.substr(colon + 1));
}

bool is_port_or_zero(std::string_view text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value <= 65535;
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
    return hosts.size() <= 8 &&
           std::all_of(hosts.begin(), hosts.end(), [](const auto& h) { return is_host(h); });
}

bool is_console(std::string_view text) {
    if (one_of(text, {"tty1", "ttyS0", "ttyS1"})) return true;
    return one_of(text, {"ttyS0,9600", "ttyS0,19200", "ttyS0,38400", "ttyS0,57600", "ttyS0,115200",
                         "ttyS1,9600", "ttyS1,19200", "ttyS1,38400", "ttyS1,57600", "ttyS1,115200"});
}

bool is_time_zone(std::string_view text) {
    return made_of(text, "_+-/", 64) && !text.starts_with("/") && !text.ends_with("/");
}

constexpr SettingRule k_rules[] = {
    {"mode", "--mode", "network, local or install", "what the machine does at power-on", "network",
     [](std::string_view v) {
         return one_of(v, {"network", "local", "install"});
     }},
    {"keymap", "--keymap", "1 to 32 of letters, digits, '-', '_'", "key map of the console", "",
     [](std::string_view v) { return made_of(v, "-_", 32); }},
    {"time_zone", "--time-zone", "a zone's name such as Europe/Berlin", "time zone", "", is_time_zone},
    {"ntp", "--ntp", "1 to 8 hosts with commas between", "time servers", "", is_host_list},
    {"data", "--data", "auto or none", "auto: an empty disk may become the data partition", "none",
     [](std::string_view v) {
         return one_of(v, {"auto", "none"});
     }},
    {"console", "--console", "tty1, ttyS0 or ttyS1, the latter two also with ,9600 to ,115200",
     "the one terminal", "tty1", is_console},
    {"image", "--image", "an image folder's name", "the image that runs from the network", "berth",
     is_file_name},
    {"site", "--site", "a site archive folder's name", "the site archive", "", is_file_name},
    {"nfs_server", "--nfs-server", "a host", "file server of the users' directories", "", is_host},
    {"nfs_directory", "--nfs-directory", "an absolute path; {user} stands for the user's name",
     "directory of a user on it", "", is_path},
    {"nfs_port", "--nfs-port", "0 (ask the port mapper) to 65535", "port of NFS", "", is_port_or_zero},
    {"mount_port", "--mount-port", "0 (ask the port mapper) to 65535", "port of MOUNT", "", is_port_or_zero},
    {"shared", "--shared", "host:/absolute/path", "the shared tree", "", is_location},
    {"bridge", "--bridge", "an interface's name of 1 to 15 characters", "host bridge offered to VMs", "",
     [](std::string_view v) { return made_of(v, "._-", 15); }},
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
    if (value.empty() || rule.legal(value)) return std::string(value);
    std::string shown(value.substr(0, 80));
    for (char& c : shown)
        if (c < ' ' || c > '~') c = '?';
    return fail(ErrorCode::P06, "{} \"{}\": must be {}", rule.option.substr(2), shown, rule.range);
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

nlohmann::json machine_record(const Machine& machine, const Policy& policy, std::string_view boot_token) {
    const auto value = [&](std::string_view key) { return effective(machine, policy, key); };
    nlohmann::json record{{"schema", 1}, {"id", machine.id}, {"name", machine.name}, {"data", value("data")}};
    for (const char* key : {"keymap", "time_zone"})
        if (auto v = value(key); !v.empty()) record[key] = v;
    if (auto v = value("ntp"); !v.empty()) record["ntp"] = split_list(v);
    const auto put = [&](const char* key, const char* part, const char* name, bool number) {
        const auto v = value(key);
        if (v.empty()) return;
        if (number)
            record[part][name] = std::stoi(v);
        else
            record[part][name] = v;
    };
    put("nfs_server", "nfs", "server", false);
    put("nfs_directory", "nfs", "directory", false);
    put("nfs_port", "nfs", "nfs_port", true);
    put("mount_port", "nfs", "mount_port", true);
    put("shared", "nfs", "shared", false);
    put("bridge", "vm", "network_bridge", false);
    if (!boot_token.empty()) record["boot_token"] = boot_token;
    return record;
}

}  // namespace berth::server
