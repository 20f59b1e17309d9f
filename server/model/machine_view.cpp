// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/model/machine_view.h"

#include <fmt/ranges.h>

#include <ctime>

#include "base/plain_text.h"
#include "base/strict_json.h"

namespace berth::server {
namespace {

std::string member(const nlohmann::json& object, const char* name) {
    const auto& value = json_member(object, name);
    if (value.is_null()) return "-";
    const auto* text = json_text(value);
    return text != nullptr ? *text : dump_json(value);
}

std::string show_kvm(const nlohmann::json& facts) {
    const auto& kvm = json_member(facts, "kvm");
    if (kvm.is_null()) return "-";
    if (json_member(kvm, "usable") == true) return "yes";
    const auto why = member_text(kvm, "why", "");
    return why.empty() ? "no" : "no: " + why;
}

/// "memory (why)"; "persistent"; with a reason too when making it anew took something away.
std::string show_data(const nlohmann::json& facts) {
    const auto& data = json_member(facts, "data");
    if (data.is_null()) return "-";
    const auto why = member_text(data, "why", "");
    return member_text(data, "kind", "?") + (why.empty() ? "" : " (" + why + ")");
}

std::string show_disks(const nlohmann::json& facts) {
    const auto& all = json_member(facts, "disks");
    if (all.is_null()) return "-";
    if (all.empty()) return "none";
    std::vector<std::string> disks;
    for (const auto& disk : all) {
        const auto bytes = json_number(json_member(disk, "bytes"), 0, UINT64_MAX);
        disks.push_back(fmt::format("{} {}", member_text(disk, "name", "?"), show_bytes(bytes.value_or(0))));
    }
    return fmt::format("{}", fmt::join(disks, ", "));
}

std::string show_session(const nlohmann::json& session) {
    if (!session.is_object()) return "-";
    return fmt::format("{}/{}", member_text(session, "user", "?"), member_text(session, "vm", "?"));
}

std::string show_stage(const LastStatus& status) {
    std::string text = status.stage.empty() ? "-" : status.stage;
    if (status.percent >= 0) text += fmt::format(" {}%", status.percent);
    if (!status.error.empty()) text += " (error)";
    return text;
}

std::string show_memory(const nlohmann::json& facts) {
    const auto text = member(facts, "memory_mib");
    return text == "-" ? text : text + " MiB";
}

std::string shown_mode(const Machine& machine, const Policy& policy) {
    std::string mode(to_text(effective_mode(machine, policy)));
    if (machine.marked) mode += "+mark";
    if (!machine.enabled) mode += " (disabled)";
    std::vector<std::string> options;
    for (const auto key : left_out(machine, policy))
        options.emplace_back(find_setting(key)->option.substr(2));
    return options.empty() ? mode : fmt::format("{} (not valid: {})", mode, fmt::join(options, ", "));
}

void add_settings(std::vector<std::string>& lines, const Settings& settings, const Settings& refused) {
    for (const auto& rule : setting_rules()) {
        const std::string key(rule.key);
        if (const auto value = settings.find(key); value != settings.end())
            lines.push_back(fmt::format("{}: {}", rule.option.substr(2), value->second));
        if (const auto value = refused.find(key); value != refused.end())
            lines.push_back(fmt::format("{}: {} (not valid, left out: must be {})", rule.option.substr(2),
                                        printable(value->second, 80), rule.range));
    }
}

/// For JSON: the values may be anything.
nlohmann::json shown_values(const Settings& refused) {
    auto values = nlohmann::json::object();
    for (const auto& [key, value] : refused) values[key] = printable(value, 80);
    return values;
}

}  // namespace

std::string show_time(int64_t seconds) {
    if (seconds == 0) return "never";
    const time_t time = seconds;
    tm parts{};
    char text[32];
    gmtime_r(&time, &parts);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%SZ", &parts);
    return text;
}

std::string show_bytes(uint64_t bytes) {
    const char* units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = static_cast<double>(bytes);
    size_t unit = 0;
    for (; value >= 1000 && unit + 1 < std::size(units); ++unit) value /= 1000;
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::vector<std::string> editable_lines(const Machine& machine) {
    std::vector<std::string> lines{"name: " + machine.name};
    for (const auto& mac : machine.macs) lines.push_back("mac: " + mac);
    if (!machine.uuid.empty()) lines.push_back("uuid: " + machine.uuid);
    if (!machine.serial.empty()) lines.push_back("serial: " + machine.serial);
    lines.push_back(std::string("enabled: ") + (machine.enabled ? "yes" : "no"));
    lines.push_back(std::string("marked: ") + (machine.marked ? "yes" : "no"));
    add_settings(lines, machine.settings, machine.refused);
    return lines;
}

std::vector<std::string> policy_lines(const Policy& policy) {
    std::vector<std::string> lines{fmt::format("unknown: {}", to_text(policy.unknown))};
    add_settings(lines, policy.defaults, policy.refused);
    return lines;
}

std::vector<std::string> status_lines(const Machine& machine) {
    const LastStatus& s = machine.status;
    std::vector<std::string> lines{"last seen: " + show_time(s.seen), "stage: " + show_stage(s)};
    if (!s.error.empty()) lines.push_back("error: " + s.error);
    if (!s.platform.empty()) lines.push_back("platform: " + s.platform);
    if (!s.boot_id.empty()) lines.push_back("boot: " + s.boot_id);
    lines.push_back("kvm: " + show_kvm(s.facts));
    lines.push_back("cpu: " + member(s.facts, "cpu"));
    lines.push_back("cores: " + member(s.facts, "cores"));
    lines.push_back("memory: " + show_memory(s.facts));
    lines.push_back("disks: " + show_disks(s.facts));
    lines.push_back("data: " + show_data(s.facts));
    for (const auto& nic : json_member(s.facts, "nics"))
        lines.push_back(fmt::format("nic: {} {}", member_text(nic, "mac", "without-mac"),
                                    member_text(nic, "driver", "?")));
    for (const auto& left : json_member(s.facts, "left_out"))
        if (const auto* text = json_text(left)) lines.push_back("left out: " + *text);
    std::string session = show_session(s.session);
    if (!json_member(s.session, "since").is_null()) session += " since " + member(s.session, "since");
    lines.push_back("session: " + session);
    return lines;
}

std::vector<std::string> list_head() {
    return {"ID",  "NAME", "MAC",   "MODE",   "STAGE", "LAST SEEN",
            "KVM", "CPU",  "CORES", "MEMORY", "DISKS", "SESSION"};
}

std::vector<std::string> list_row(const Machine& machine, const Policy& policy) {
    const auto& s = machine.status;
    return {machine.id,
            machine.name,
            machine.macs.empty() ? "-" : machine.macs.front(),
            shown_mode(machine, policy),
            show_stage(s),
            show_time(s.seen),
            show_kvm(s.facts),
            member(s.facts, "cpu"),
            member(s.facts, "cores"),
            show_memory(s.facts),
            show_disks(s.facts),
            show_session(s.session)};
}

std::vector<std::vector<std::string>> conflict_rows(const std::vector<Conflict>& conflicts) {
    std::vector<std::vector<std::string>> rows{{"NOT", "MAC", "UUID", "SERIAL", "TIMES", "LAST SEEN"}};
    const auto shown = [](const std::string& value) { return value.empty() ? "-" : value; };
    for (const auto& c : conflicts)
        rows.push_back({c.machine, shown(c.seen.mac), shown(c.seen.uuid), shown(c.seen.serial),
                        std::to_string(c.times), show_time(c.last)});
    return rows;
}

std::string conflict_line(const Conflict& c) {
    std::string text = "conflict: another machine asked with";
    for (const auto& [name, value] :
         {std::pair{"mac", &c.seen.mac}, {"uuid", &c.seen.uuid}, {"serial", &c.seen.serial}})
        if (!value->empty()) text += fmt::format(" {} {}", name, *value);
    return fmt::format("{}, {} times, last {}", text, c.times, show_time(c.last));
}

nlohmann::json machine_json(const Machine& machine, const Policy& policy,
                            const std::vector<Conflict>& conflicts) {
    const auto& s = machine.status;
    auto others = nlohmann::json::array();
    for (const auto& c : conflicts)
        if (c.machine == machine.id)
            others.push_back({{"mac", c.seen.mac},
                              {"uuid", c.seen.uuid},
                              {"serial", c.seen.serial},
                              {"first_seen", c.first},
                              {"last_seen", c.last},
                              {"times", c.times}});
    nlohmann::json value{{"id", machine.id},
                         {"name", machine.name},
                         {"macs", machine.macs},
                         {"uuid", machine.uuid},
                         {"serial", machine.serial},
                         {"enabled", machine.enabled},
                         {"marked", machine.marked},
                         {"mode", to_text(effective_mode(machine, policy))},
                         {"settings", machine.settings},
                         {"last_seen", s.seen},
                         {"platform", s.platform},
                         {"boot_id", s.boot_id},
                         {"stage", s.stage},
                         {"percent", s.percent < 0 ? nlohmann::json() : nlohmann::json(s.percent)},
                         {"error", s.error.empty() ? nlohmann::json() : nlohmann::json(s.error)},
                         {"facts", s.facts},
                         {"session", s.session},
                         {"conflicts", others}};
    if (!machine.refused.empty()) value["settings_not_valid"] = shown_values(machine.refused);
    return value;
}

nlohmann::json policy_json(const Policy& policy) {
    nlohmann::json value{{"unknown", to_text(policy.unknown)}, {"defaults", policy.defaults}};
    if (!policy.refused.empty()) value["defaults_not_valid"] = shown_values(policy.refused);
    return value;
}

}  // namespace berth::server
