// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/machine/machine_arguments.h"
#include "server/ctl/question.h"
#include "server/ctl/store_access.h"
#include "server/ctl/verbs.h"
#include "server/model/machine_view.h"

namespace berth::server {
namespace {

class MachineSet final : public Verb {
  public:
    explicit MachineSet(CLI::App& command) : arguments_(command), question_(command) {
        add_machine_word(command, word_);
    }

    Result<Answer> run(Ctl& ctl) override {
        auto store = BERTH_TRY(open_store(ctl));
        auto machine = BERTH_TRY(store->find(word_));
        const auto before = editable_lines(machine);
        Machine changed = machine;
        BERTH_TRY(arguments_.apply(changed));
        const auto go = BERTH_TRY(question_.confirm(ctl, before, editable_lines(changed)));
        if (go)
            // The answer may have taken long: what was shown must still be true.
            BERTH_TRY(store->update(machine.id, [&](Machine& now) -> Status {
                if (editable_lines(now) != before)
                    return fail(ErrorCode::P07, "machine {}: was changed by someone else meanwhile", now.id);
                return arguments_.apply(now);
            }));
        return changed_answer(ctl, *store, machine.id, go);
    }

  private:
    MachineArguments arguments_;
    Question question_;
    std::string word_;
};

}  // namespace

const MakeVerb machine_set = make_verb<MachineSet>;

}  // namespace berth::server
