// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/question.h"

#include <algorithm>

namespace berth::server {
namespace {

std::vector<std::string> diff_of(const std::vector<std::string>& before,
                                 const std::vector<std::string>& after) {
    std::vector<std::string> diff;
    for (const auto& line : before)
        if (std::ranges::find(after, line) == after.end()) diff.push_back("-" + line);
    for (const auto& line : after)
        if (std::ranges::find(before, line) == before.end()) diff.push_back("+" + line);
    return diff;
}

}  // namespace

Status Question::can_be_asked(const Ctl& ctl) const {
    if (yes_ || ctl.console.can_answer()) return {};
    return fail(ErrorCode::P06, "without a terminal to ask on, -y must be given");
}

Result<bool> Question::confirm(const Ctl& ctl, const std::vector<std::string>& before,
                               const std::vector<std::string>& after) const {
    const auto diff = diff_of(before, after);
    if (diff.empty()) return false;
    BERTH_TRY(can_be_asked(ctl));
    if (!ctl.json || !yes_) ctl.console.print(ctl.json ? Stream::error : Stream::out, text_of(diff));
    if (yes_) return true;
    ctl.console.print(Stream::error, "Change it? [y/N] ");
    const std::string answer = ctl.console.answer();
    return answer == "y" || answer == "yes";
}

Answer removed(const std::string& name) {
    return {.json = {{"removed", name}}};
}

Answer nothing_removed(const std::string& name) {
    return {.json = {{"removed", nullptr}}, .lines = {name + ": nothing changed"}};
}

}  // namespace berth::server
