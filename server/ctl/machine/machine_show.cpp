// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/machine/machine_arguments.h"
#include "server/ctl/store_access.h"
#include "server/ctl/verbs.h"

namespace berth::server {
namespace {

class MachineShow final : public Verb {
  public:
    explicit MachineShow(CLI::App& command) { add_machine_word(command, word_); }

    Result<Answer> run(Ctl& ctl) override {
        auto store = BERTH_TRY(open_store(ctl));
        return machine_answer(*store, word_);
    }

  private:
    std::string word_;
};

}  // namespace

const MakeVerb machine_show = make_verb<MachineShow>;

}  // namespace berth::server
