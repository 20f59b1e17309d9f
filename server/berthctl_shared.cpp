// SPDX-License-Identifier: GPL-3.0-or-later
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "base/output.h"
#include "server/berthctl.h"

namespace berth::server {

void SettingArguments::add_to(CLI::App& command) {
    for (const auto& rule : setting_rules()) {
        const std::string key(rule.key);
        command
            .add_option_function<std::string>(
                std::string(rule.option), [this, key](const std::string& value) { given[key] = value; },
                fmt::format("{} ({})", rule.help, rule.range))
            ->group("Settings");
    }
}

Status SettingArguments::apply(Settings& settings, Settings& refused) const {
    for (const auto& [key, value] : given) {
        const auto checked = checked_setting(*find_setting(key), value);
        if (!checked) return fail(checked.error());
        refused.erase(key);
        if (checked->empty())
            settings.erase(key);
        else
            settings[key] = *checked;
    }
    return {};
}

bool confirm_diff(const std::vector<std::string>& before, const std::vector<std::string>& after, bool yes,
                  bool quiet) {
    const auto has = [](const auto& list, const auto& line) {
        return std::find(list.begin(), list.end(), line) != list.end();
    };
    std::vector<std::string> diff;
    for (const auto& line : before)
        if (!has(after, line)) diff.push_back("-" + line);
    for (const auto& line : after)
        if (!has(before, line)) diff.push_back("+" + line);
    if (diff.empty()) return false;
    if (!quiet) say_lines(diff);
    if (yes || isatty(STDIN_FILENO) == 0) return true;
    say("Change it? [y/N] ");
    // A signal that is handled is an answer; getline would go on waiting.
    pollfd line{STDIN_FILENO, POLLIN, 0};
    if (poll(&line, 1, -1) < 0) {
        say("\n");
        return false;
    }
    std::string answer;
    return std::getline(std::cin, answer) && (answer == "y" || answer == "yes");
}

std::string table(std::vector<std::vector<std::string>> rows) {
    std::vector<size_t> widths;
    for (auto& row : rows) {
        for (auto& cell : row) cell = printable(cell);
        widths.resize(std::max(widths.size(), row.size()));
        for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
        while (line.ends_with(' ')) line.pop_back();
        text += line + "\n";
    }
    return text;
}

}  // namespace berth::server
