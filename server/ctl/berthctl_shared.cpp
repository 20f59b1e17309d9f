// SPDX-License-Identifier: GPL-3.0-or-later
#include <grp.h>
#include <poll.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "base/output.h"
#include "server/ctl/berthctl.h"

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

Result<std::unique_ptr<Store>> open_store(Ctl& ctl) {
    const auto folder = std::filesystem::path(ctl.database).parent_path();
    struct stat facts{};
    if (geteuid() == 0 && stat(folder.empty() ? "." : folder.c_str(), &facts) == 0 && facts.st_uid != 0) {
        const gid_t group = facts.st_gid;
        if (setgroups(1, &group) != 0) return fail_errno("setgroups");
        setfsgid(group);
        setfsuid(facts.st_uid);
        // Of root's rights over files one remains: the way there may be root's alone (systemd's
        // DynamicUser=).
        const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> caps(cap_get_proc(), cap_free);
        const cap_value_t pass = CAP_DAC_READ_SEARCH;
        if (!caps || cap_set_flag(caps.get(), CAP_EFFECTIVE, 1, &pass, CAP_SET) != 0 ||
            cap_set_proc(caps.get()) != 0)
            return fail_errno("act as the owner of " + folder.string());
        if (setfsuid(static_cast<uid_t>(-1)) != static_cast<int>(facts.st_uid))
            return fail(ErrorCode::P04, "{}: cannot act as its owner", folder.string());
    }
    if (lstat(ctl.database.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode))
        return fail(ErrorCode::P04, "{}: is a link, or no file: must be the database itself", ctl.database);
    return Store::open(ctl.database, ctl.clock);
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
