// SPDX-License-Identifier: GPL-3.0-or-later
// What an earlier session of this workstation left of the VM is finished before its lock is taken again.
#pragma once

#include "greeter/session/session_context.h"

namespace berth::session {

/// Returns when nothing is left, by waiting for a sweeper that works on it, or by doing its work. Where changes are
/// not saved that the file server does not take, the user is asked whether to discard them. K32 it is not
/// finished: nothing is begun or waited for after `deadline` (a person's answer does not count), but a stop of
/// the volume engine or a release that was begun before it is completed. L05 the user cancelled.
Status finish_last_session(SessionContext& session, BootTime deadline);

}  // namespace berth::session
