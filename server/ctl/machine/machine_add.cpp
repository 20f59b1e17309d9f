// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/machine/machine_arguments.h"
#include "server/ctl/store_access.h"
#include "server/ctl/verbs.h"
#include "server/model/machine_view.h"

namespace berth::server {
namespace {

class MachineAdd final : public Verb {
  public:
    explicit MachineAdd(CLI::App& command) : arguments_(command) {}

    Result<Answer> run(Ctl& ctl) override {
        Machine machine;
        BERTH_TRY(arguments_.apply(machine));
        auto store = BERTH_TRY(open_store(ctl));
        const auto added = BERTH_TRY(store->add(std::move(machine)));
        const auto policy = BERTH_TRY(store->policy());
        return Answer{.json = machine_json(added, policy), .lines = {added.id + "  " + added.name}};
    }

  private:
    MachineArguments arguments_;
};

}  // namespace

const MakeVerb machine_add = make_verb<MachineAdd>;

}  // namespace berth::server
