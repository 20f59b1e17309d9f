// SPDX-License-Identifier: GPL-3.0-or-later
// The list of a session's steps, in the order in which they run.
#pragma once

#include "greeter/session/step_list.h"
#include "greeter/session/steps/console.h"

namespace berth::session {

using SessionSteps =
    StepList<SessionContext, AuthenticateStep, AccountStep, CredentialsStep, LocateStep, MountStep,
             ChooseStep, CheckStep, LockStep, ConfigureStep, SwapStep, VolumeStep, VmStep, ConsoleStep>;

}  // namespace berth::session
