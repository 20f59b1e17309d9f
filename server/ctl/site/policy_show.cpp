// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/store_access.h"
#include "server/ctl/verbs.h"
#include "server/model/machine_view.h"

namespace berth::server {
namespace {

class PolicyShow final : public Verb {
  public:
    explicit PolicyShow(CLI::App& /*command*/) {}

    Result<Answer> run(Ctl& ctl) override {
        auto store = BERTH_TRY(open_store(ctl));
        const auto policy = BERTH_TRY(store->policy());
        return Answer{.json = policy_json(policy), .lines = policy_lines(policy)};
    }
};

}  // namespace

const MakeVerb policy_show = make_verb<PolicyShow>;

}  // namespace berth::server
