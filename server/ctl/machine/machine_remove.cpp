// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/machine/machine_arguments.h"
#include "server/ctl/question.h"
#include "server/ctl/store_access.h"
#include "server/ctl/verbs.h"
#include "server/model/machine_view.h"

namespace berth::server {
namespace {

class MachineRemove final : public Verb {
  public:
    explicit MachineRemove(CLI::App& command) : question_(command) { add_machine_word(command, word_); }

    Result<Answer> run(Ctl& ctl) override {
        auto store = BERTH_TRY(open_store(ctl));
        const auto machine = BERTH_TRY(store->find(word_));
        const auto states = BERTH_TRY(store->state_names(machine.id));
        auto before = editable_lines(machine);
        for (const auto& name : states) before.push_back("session state: " + name);
        const auto go = BERTH_TRY(question_.confirm(ctl, before, {}));
        if (!go) return nothing_removed(machine.id);
        BERTH_TRY(store->remove(machine.id));
        return removed(machine.id);
    }

  private:
    Question question_;
    std::string word_;
};

}  // namespace

const MakeVerb machine_remove = make_verb<MachineRemove>;

}  // namespace berth::server
