// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/machine/machine_arguments.h"
#include "server/model/machine_view.h"

namespace berth::server {

Result<Answer> machine_answer(Store& store, const std::string& word) {
    const auto machine = BERTH_TRY(store.find(word));
    const auto policy = BERTH_TRY(store.policy());
    const auto conflicts = BERTH_TRY(store.conflicts());

    Answer answer{.json = machine_json(machine, policy, conflicts), .lines = {"id: " + machine.id}};
    auto& lines = answer.lines;
    append(lines, editable_lines(machine));
    for (const auto& rule : setting_rules())
        if (const auto value = effective(machine, policy, rule.key);
            !machine.settings.contains(std::string(rule.key)) && !value.empty())
            lines.push_back(fmt::format("{}: {} (default)", rule.option.substr(2), value));
    append(lines, status_lines(machine));
    for (const auto& conflict : conflicts)
        if (conflict.machine == machine.id) lines.push_back(conflict_line(conflict));
    return answer;
}

Result<Answer> changed_answer(const Ctl& ctl, Store& store, const std::string& id, bool changed) {
    if (ctl.json) return machine_answer(store, id);
    return Answer{.lines = changed ? std::vector<std::string>{} : std::vector{id + ": nothing changed"}};
}

}  // namespace berth::server
