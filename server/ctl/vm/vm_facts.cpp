// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/vm/vm_facts.h"

#include <algorithm>

#include "guest/toml_table.h"
#include "guest/vm_check.h"

namespace berth::server {

using nlohmann::json;

json vm_facts(const VmName& name, const guest::MachineConfig& config) {
    json disks = json::array();
    for (const auto& d : config.disks) disks.push_back({{"name", d.name}, {"path", d.path}});
    return {{"user", name.user},
            {"vm", name.vm},
            {"uuid", config.uuid},
            {"cpus", config.cpus},
            {"memory", config.memory},
            {"disks", disks},
            {"firmware", guest::word_of(guest::k_firmwares, config.firmware)},
            {"mac", config.network.mac}};
}

json holder_json(const lock::LockHolder& holder) {
    return {{"host", holder.record.owner.host},
            {"client", holder.record.owner.client},
            {"user", holder.record.owner.user},
            {"since", holder.record.since},
            {"epoch", holder.epoch},
            {"last_sign_of_life_seconds", holder.last_sign_of_life.count()}};
}

namespace {

void add_config(UserPlace& place, const std::string& vm, Answer& facts) {
    std::string text;
    auto config = guest::read_machine_config(*place.directory, vm, text);
    if (!config) {
        facts.json["error"] = config.error().to_log();
        facts.lines.push_back("machine.toml: " + config.error().to_log());
        return;
    }
    facts.json.update(vm_facts({place.user, vm}, *config));
    append(facts.lines, {"uuid: " + config->uuid, fmt::format("cpus: {}", config->cpus),
                         "memory: " + guest::size_text(config->memory)});
}

Status add_files(UserPlace& place, const files::FileHandle& folder, Answer& facts) {
    auto entries = BERTH_TRY(place.ops->list(folder));
    std::ranges::sort(entries, {}, &files::DirectoryEntry::name);
    facts.json["files"] = json::array();
    for (const auto& entry : entries) {
        if (entry.name.starts_with('.')) continue;
        auto found = place.ops->lookup(folder, entry.name);
        if (!found) continue;
        std::string link;
        if (found->attributes.type == files::FileType::symlink)
            if (auto target = place.ops->readlink(found->handle)) link = " -> " + *target;
        facts.json["files"].push_back({{"name", entry.name}, {"size", found->attributes.size}});
        facts.lines.push_back(fmt::format("file: {}{} ({} bytes)", entry.name, link, found->attributes.size));
    }
    return {};
}

}  // namespace

Result<Answer> facts_of(UserPlace& place, const std::string& vm) {
    auto folder = BERTH_TRY(find_vm(place, vm));
    Answer facts{.json = {{"user", place.user}, {"vm", vm}, {"where", place.where}},
                 .lines = {"vm: " + place.user + "/" + vm, "where: " + place.where}};
    add_config(place, vm, facts);
    auto holder = BERTH_TRY(place.directory->holder(vm));
    facts.json["holder"] = holder ? holder_json(*holder) : json(nullptr);
    if (holder)
        facts.lines.push_back(
            fmt::format("in use on: {} since {}", holder->record.owner.host, holder->record.since));
    BERTH_TRY(add_files(place, folder, facts));
    return facts;
}

}  // namespace berth::server
