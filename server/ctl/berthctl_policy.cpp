// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/output.h"
#include "base/text.h"
#include "server/ctl/berthctl.h"
#include "server/model/machine_view.h"

namespace berth::server {
namespace {

struct PolicyArguments {
    std::string unknown;
    bool yes = false;
    SettingArguments settings;
};

Status show_policy(Ctl& ctl) {
    auto store = open_store(ctl);
    if (!store) return fail(store.error());
    const auto policy = (*store)->policy();
    if (!policy) return fail(policy.error());
    if (ctl.json)
        say_json(policy_json(*policy));
    else
        say_lines(policy_lines(*policy));
    return {};
}

Status set_policy(Ctl& ctl, const PolicyArguments& arguments) {
    auto store = open_store(ctl);
    if (!store) return fail(store.error());
    const auto before = (*store)->policy();
    if (!before) return fail(before.error());
    Policy after = *before;
    if (!arguments.unknown.empty()) after.unknown = *parse_unknown_policy(arguments.unknown);
    BERTH_TRY(arguments.settings.apply(after.defaults, after.refused));
    if (const auto data = after.defaults.find("data");
        data != after.defaults.end() && is_remake(data->second))
        return fail(ErrorCode::P06, "data \"{}\": must be set for one machine, not for all", data->second);
    if (confirm_diff(policy_lines(*before), policy_lines(after), arguments.yes, ctl.json))
        BERTH_TRY((*store)->set_policy(after));
    else if (!ctl.json)
        say("policy: nothing changed\n");
    return ctl.json ? show_policy(ctl) : Status();
}

}  // namespace

void add_policy_commands(CLI::App& app, Ctl& ctl) {
    auto* policy = app.add_subcommand("policy", "unknown machines, and defaults for all");
    policy->require_subcommand(1);
    auto* show = policy->add_subcommand("show", "what is set");
    show->callback([&ctl] { ctl.run = [&ctl] { return show_policy(ctl); }; });
    auto arguments = std::make_shared<PolicyArguments>();
    auto* set = policy->add_subcommand("set", "change it; an empty value takes a default away");
    set->add_option("--unknown", arguments->unknown,
                    "an unknown machine: local (its disk), discover (listed, disabled), enrol (added with "
                    "the defaults)")
        ->check(CLI::IsMember({"local", "discover", "enrol"}));
    set->add_flag("--yes", arguments->yes, "do not ask");
    arguments->settings.add_to(*set);
    set->callback([&ctl, arguments] { ctl.run = [&ctl, arguments] { return set_policy(ctl, *arguments); }; });
}

}  // namespace berth::server
