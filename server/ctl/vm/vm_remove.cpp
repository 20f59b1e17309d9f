// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/question.h"
#include "server/ctl/verbs.h"
#include "server/ctl/vm/vm_facts.h"
#include "server/ctl/vm/vm_work.h"

namespace berth::server {
namespace {

class VmRemove final : public Verb {
  public:
    explicit VmRemove(CLI::App& command) : places_(command), question_(command), lock_(command) {
        add_vm_name(command, name_);
    }

    Result<Answer> run(Ctl& ctl) override {
        BERTH_TRY(question_.can_be_asked(ctl));
        auto found = BERTH_TRY(find_vm(ctl, places_, name_));
        const auto& [name, place] = found;
        // The lock first: what is shown and asked for is what will be removed.
        auto lock = BERTH_TRY(lock_.take(ctl, found.place, name.vm));
        auto facts = BERTH_TRY(facts_of(found.place, name.vm));
        std::erase_if(facts.lines, [](const std::string& line) {
            return line.starts_with("in use on") || line.starts_with("file: lock.");
        });
        const auto go = BERTH_TRY(question_.confirm(ctl, facts.lines, {}));
        if (!go) {
            Answer answer = nothing_removed(name.text());
            answer.then = lock.release();
            if (answer.then) answer.then = not_interrupted(ctl, name.text());
            return answer;
        }
        BERTH_TRY(not_interrupted(ctl, name.text()));
        BERTH_TRY(lock.tick());  // the answer may have taken long
        BERTH_TRY(guest::remove_vm(*place.ops, name.vm));
        lock.forget();
        return removed(name.text());
    }

  private:
    PlaceArguments places_;
    Question question_;
    LockArguments lock_;
    std::string name_;
};

}  // namespace

const MakeVerb vm_remove = make_verb<VmRemove>;

}  // namespace berth::server
