// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/verbs.h"
#include "server/ctl/vm/place_arguments.h"
#include "server/ctl/vm/vm_facts.h"

namespace berth::server {
namespace {

class VmShow final : public Verb {
  public:
    explicit VmShow(CLI::App& command) : places_(command) { add_vm_name(command, name_); }

    Result<Answer> run(Ctl& ctl) override {
        auto found = BERTH_TRY(find_vm(ctl, places_, name_));
        return facts_of(found.place, found.name.vm);
    }

  private:
    PlaceArguments places_;
    std::string name_;
};

}  // namespace

const MakeVerb vm_show = make_verb<VmShow>;

}  // namespace berth::server
