// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/verbs.h"
#include "server/ctl/vm/appliance.h"
#include "server/ctl/vm/vm_work.h"

namespace berth::server {
namespace {

constexpr size_t k_max_disks = 32;

class VmImport final : public Verb {
  public:
    explicit VmImport(CLI::App& command) : places_(command), hardware_(command), progress_(command) {
        command.add_option("--format", format_, "qcow2, vmdk, vdi, vhdx, raw or ova")
            ->check(CLI::IsMember({"qcow2", "vmdk", "vdi", "vhdx", "raw", "ova"}));
        add_vm_name(command, name_);
        command.add_option("IMAGE", images_, "disk images, the one with the system first; or one OVA")
            ->required();
    }

    Result<Answer> run(Ctl& ctl) override {
        const auto name = BERTH_TRY(parse_vm_name(name_));
        if (images_.size() > k_max_disks)
            return fail(ErrorCode::P06, "{} images: must be 1 to {}", images_.size(), k_max_disks);
        const bool appliance = format_ == "ova" || (format_.empty() && images_.front().ends_with(".ova"));
        if (appliance && images_.size() != 1)
            return fail(ErrorCode::P06, "{} images: an OVA is imported alone", images_.size());

        auto vm = VmHardwareArguments::plain("import");
        BERTH_TRY(appliance ? read_appliance(images_.front(), hardware_, vm) : add_images(vm));
        for (const auto& d : vm.disks)
            vm.origin += fmt::format(" {} {} {}", d.image->name, d.image->size, d.image->mtime_ns);
        BERTH_TRY(hardware_.apply(vm));
        return make_new_vm(ctl, places_, progress_, name, vm);
    }

  private:
    Status add_images(VmToMake& vm) const {
        for (const auto& path : images_) {
            auto image = BERTH_TRY(open_image(path, format_.empty() ? std::nullopt : parse_format(format_)));
            // Images of KVM's world have virtio drivers in them; of others at least AHCI's.
            const bool ours = image.format == ImageFormat::qcow2 || image.format == ImageFormat::raw;
            if (!ours && vm.disks.empty()) vm.config.network.model = "e1000e";
            vm.add_disk(hardware_.bus_or(ours ? guest::DiskBus::virtio : guest::DiskBus::sata)).image =
                std::move(image);
        }
        return {};
    }

    PlaceArguments places_;
    VmHardwareArguments hardware_;
    Progress progress_;
    std::string format_, name_;
    std::vector<std::string> images_;
};

}  // namespace

const MakeVerb vm_import = make_verb<VmImport>;

}  // namespace berth::server
