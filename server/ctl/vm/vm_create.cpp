// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/verbs.h"
#include "server/ctl/vm/vm_work.h"

namespace berth::server {
namespace {

class VmCreate final : public Verb {
  public:
    explicit VmCreate(CLI::App& command) : places_(command), hardware_(command), progress_(command) {
        command.add_option("--disk", sizes_, "size of a disk; repeat for more; default 32 GiB")->take_all();
        add_vm_name(command, name_);
    }

    Result<Answer> run(Ctl& ctl) override {
        const auto name = BERTH_TRY(parse_vm_name(name_));
        auto vm = VmHardwareArguments::plain("create");
        if (sizes_.empty()) sizes_ = {"32 GiB"};
        for (const auto& text : sizes_) {
            auto size = BERTH_TRY(size_argument("--disk", text, 1 << 20, 64ULL << 40));
            vm.add_disk(hardware_.bus_or(guest::DiskBus::virtio)).size = size;
            vm.origin += " " + text;
        }
        BERTH_TRY(hardware_.apply(vm));
        return make_new_vm(ctl, places_, progress_, name, vm);
    }

  private:
    PlaceArguments places_;
    VmHardwareArguments hardware_;
    Progress progress_;
    std::vector<std::string> sizes_;
    std::string name_;
};

}  // namespace

const MakeVerb vm_create = make_verb<VmCreate>;

}  // namespace berth::server
