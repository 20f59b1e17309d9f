// SPDX-License-Identifier: GPL-3.0-or-later
// Where a user's directory is served: by configuration, or by a script of the site's.
#pragma once

#include <string>

#include "base/clock.h"
#include "greeter/site/client_config.h"

namespace berth::session {

/// Static: "{user}" is replaced. Script: it is run without a shell with the user's name as its only argument,
/// for at most 10 s and never longer than `limit`; it prints one line, server:/absolute/path, of at most 4096
/// bytes. M30 says what was wrong and quotes what it printed. A record whose `nfs` is unusable ends here,
/// with either method: the site's own configuration may name another file server.
Result<NfsLocation> locate_user(const LocateConfig& config, const std::string& user, Duration limit);

}  // namespace berth::session
