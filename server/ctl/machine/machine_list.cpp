// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/store_access.h"
#include "server/ctl/verbs.h"
#include "server/model/machine_view.h"

namespace berth::server {
namespace {

class MachineList final : public Verb {
  public:
    explicit MachineList(CLI::App& /*command*/) {}

    Result<Answer> run(Ctl& ctl) override {
        auto store = BERTH_TRY(open_store(ctl));
        const auto machines = BERTH_TRY(store->machines());
        const auto policy = BERTH_TRY(store->policy());
        const auto conflicts = BERTH_TRY(store->conflicts());

        auto list = nlohmann::json::array();
        std::vector<std::vector<std::string>> rows{list_head()};
        for (const auto& machine : machines) {
            list.push_back(machine_json(machine, policy, conflicts));
            rows.push_back(list_row(machine, policy));
        }
        Answer answer{.json = std::move(list), .lines = table(std::move(rows))};
        if (!conflicts.empty()) {
            append(answer.lines,
                   {"", "Conflicts: another machine asked with something of a record and did not get it."});
            append(answer.lines, table(conflict_rows(conflicts)));
        }
        return answer;
    }
};

}  // namespace

const MakeVerb machine_list = make_verb<MachineList>;

}  // namespace berth::server
