// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/steps/console.h"

#include "greeter/session/time_text.h"

namespace berth::session {

Result<Running> ConsoleStep::run(Started vm, BootTime) {
    console_ = BERTH_TRY(vm.guest->domain->console());
    BERTH_TRY(vm.guest->domain->resume());
    vm.guest->ran = true;
    session_.seams.front_end.console(console_.get(), vm.vm);
    return Running{std::move(vm), &console_, rfc3339(session_.seams.clock.wall())};
}

Status ConsoleStep::undo() {
    console_.reset();
    session_.seams.front_end.console_end();
    return {};
}

}  // namespace berth::session
