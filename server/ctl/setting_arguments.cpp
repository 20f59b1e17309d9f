// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/setting_arguments.h"

namespace berth::server {

SettingArguments::SettingArguments(CLI::App& command) {
    for (const auto& rule : setting_rules()) {
        const std::string key(rule.key);
        command
            .add_option_function<std::string>(
                std::string(rule.option), [this, key](const std::string& value) { given_[key] = value; },
                fmt::format("{} ({})", rule.help, rule.range))
            ->group("Settings");
    }
}

Status SettingArguments::apply(Settings& settings, Settings& refused) const {
    for (const auto& [key, value] : given_) {
        const auto checked = BERTH_TRY(checked_setting(*find_setting(key), value));
        refused.erase(key);
        if (checked.empty())
            settings.erase(key);
        else
            settings[key] = checked;
    }
    return {};
}

}  // namespace berth::server
