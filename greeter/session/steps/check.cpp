// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/steps/check.h"

#include "guest/vm_check.h"

namespace berth::session {

CheckStep::CheckStep(SessionContext& session)
    : SessionStep(session), kvm_(std::async(std::launch::async, [&hypervisor = session.seams.hypervisor] {
          return hypervisor.kvm_usable();
      })) {}

Result<Checked> CheckStep::run(Chosen chosen, BootTime deadline) {
    const Status kvm = kvm_.get();
    if (!kvm && !session_.config.client.allow_emulation) return fail(kvm.error());

    UserFiles& files = *chosen.files;
    const UserFiles::Bound bound(files, deadline);
    BERTH_TRY(files->check_writable(chosen.vm));
    std::string text;
    auto config = BERTH_TRY(guest::read_machine_config(*files, chosen.vm, text));
    BERTH_TRY(guest::check_disks(*files, chosen.vm, config));
    auto space = BERTH_TRY(files->space_left());
    if (space.bytes < guest::k_little_space)
        session_.seams.front_end.say(
            MessageStyle::info,
            fmt::format("Only {} MiB are left for your files on {}.", space.bytes >> 20, files.server()));
    return Checked{std::move(chosen), std::move(config), std::move(text), kvm.has_value()};
}

}  // namespace berth::session
