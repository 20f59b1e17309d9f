// SPDX-License-Identifier: GPL-3.0-or-later
// The end of all processes of a systemd unit, without systemd: on a busy workstation its answer may take seconds, and
// a compositor that hangs must not keep the menu from its user so long. cgroups(7).
#pragma once

#include <string>

#include "base/result.h"

namespace berth::supervisor {

/// SIGKILL to every process in the control group of that folder and below, at once (cgroup.kill, Linux 5.14). Also good
/// when there is no such group: nothing runs there then.
Status kill_control_group(const std::string& folder);

}  // namespace berth::supervisor
