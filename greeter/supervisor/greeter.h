// SPDX-License-Identifier: GPL-3.0-or-later
// The console's owner: does what State (supervisor_state.h) says. One thread, one poll(2) loop.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "base/result.h"
#include "greeter/supervisor/screen_service.h"

namespace berth::supervisor {

struct Options {
    std::string tty;  ///< Empty: as the kernel command line says.
    std::string ui = "/usr/libexec/berth/berth-greeter-ui";
    std::string ui_user = "_berth-ui";  ///< Only when started as root.
    std::string session = "/usr/libexec/berth/berth-session";
    std::vector<std::string> sweep;                          ///< Empty: `session` with --sweep.
    std::vector<std::string> settle;                         ///< Empty: `session` with --settle.
    std::string power = "/usr/bin/systemctl";                ///< Called with "poweroff" or "reboot".
    std::string levels = "/usr/libexec/berth/berth-levels";  ///< Volume and brightness.
    std::string boot_facts = "/run/berth/boot.json";
    ScreenOptions screen;
    std::string going_down = "/run/berth/going-down";  ///< What `settle` says, whoever started it.
};

/// Runs until SIGTERM; a session then undoes its steps alone. G04 without a usable
/// terminal, G05 without the UI's user.
Status run_greeter(const Options& options, Clock& clock, Report& report);

}  // namespace berth::supervisor
