// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/text.h"
#include "server/ctl/question.h"
#include "server/ctl/setting_arguments.h"
#include "server/ctl/store_access.h"
#include "server/ctl/verbs.h"
#include "server/model/machine_view.h"

namespace berth::server {
namespace {

class PolicySet final : public Verb {
  public:
    explicit PolicySet(CLI::App& command) : question_(command), settings_(command) {
        command
            .add_option("--unknown", unknown_,
                        "an unknown machine: local (its disk), discover (listed, disabled), enrol (added "
                        "with the defaults)")
            ->check(CLI::IsMember({"local", "discover", "enrol"}));
    }

    Result<Answer> run(Ctl& ctl) override {
        auto store = BERTH_TRY(open_store(ctl));
        const auto before = BERTH_TRY(store->policy());
        Policy after = before;
        if (!unknown_.empty()) after.unknown = *parse_unknown_policy(unknown_);
        BERTH_TRY(settings_.apply(after.defaults, after.refused));
        if (const auto data = after.defaults.find("data");
            data != after.defaults.end() && is_remake(data->second))
            return fail(ErrorCode::P06, "data \"{}\": must be set for one machine, not for all",
                        data->second);
        const auto go = BERTH_TRY(question_.confirm(ctl, policy_lines(before), policy_lines(after)));
        if (go) BERTH_TRY(store->set_policy(after));
        Answer answer{.json = policy_json(go ? after : before)};
        if (!go) answer.lines = {"policy: nothing changed"};
        return answer;
    }

  private:
    Question question_;
    SettingArguments settings_;
    std::string unknown_;
};

}  // namespace

const MakeVerb policy_set = make_verb<PolicySet>;

}  // namespace berth::server
