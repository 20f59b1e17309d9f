// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/steps/configure.h"

#include "guest/vm_check.h"

namespace berth::session {

Result<Configured> ConfigureStep::run(Locked locked, BootTime deadline) {
    UserFiles& files = *locked.files;
    const UserFiles::Bound bound(files, deadline);
    // Another may have changed it between the check and the lock.
    std::string text;
    auto config = BERTH_TRY(guest::read_machine_config(*files, locked.vm, text));
    if (text != locked.machine_text) BERTH_TRY(guest::check_disks(*files, locked.vm, config));
    session_.record.disks = guest::recorded_disks(config);
    locked.config = std::move(config);
    return Configured{std::move(locked)};
}

}  // namespace berth::session
