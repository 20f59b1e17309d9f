// SPDX-License-Identifier: GPL-3.0-or-later
// Any settings, checked as berthctl checks them: a script comes out, and nothing of a value becomes a line or
// a command of it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/boot/ipxe_script.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth::server;
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    if (rest.empty()) return 0;
    const unsigned flags = static_cast<unsigned char>(rest[0]);
    rest.remove_prefix(1);
    Machine machine{.id = "m-0001", .name = "a", .enabled = (flags & 1) != 0, .marked = (flags & 2) != 0};
    // One line a setting, in the table's order.
    for (const auto& rule : setting_rules()) {
        const size_t end = std::min(rest.find('\n'), rest.size());
        const auto value = checked_setting(rule, rest.substr(0, end));
        if (value && !value->empty()) machine.settings[std::string(rule.key)] = *value;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    const Policy policy{.unknown = static_cast<UnknownPolicy>((flags >> 2 & 3) % 3), .defaults = {}};
    const Decision decision = decide((flags & 16) != 0 ? nullptr : &machine, policy,
                                     static_cast<DiskKnowledge>((flags >> 5 & 3) % 3));
    auto script = ipxe_script({.decision = decision,
                               .platform = (flags & 128) != 0 ? Platform::efi : Platform::pcbios,
                               .base_url = "http://10.0.0.1:8080",
                               .machine_id = machine.id,
                               .boot_token = "00ff",
                               .image = effective(machine, policy, "image"),
                               .site = effective(machine, policy, "site"),
                               .console = effective(machine, policy, "console")});
    if (!script) abort();
    const auto lines = std::count(script->begin(), script->end(), '\n');
    if (lines != (decision.action == Action::run_from_network ? 17
                  : decision.action == Action::message        ? 4
                                                              : 3))
        abort();
    // The script's own settings, and no other.
    for (const char* own : {"${berth-query}", "${berth-again}", "${berth-url}"})
        for (size_t at; (at = script->find(own)) != std::string::npos;)
            script->erase(at, std::string_view(own).size());
    if (script->find("${") != std::string::npos) abort();
    (void)machine_record(machine, policy, "00ff").dump();
    return 0;
}
