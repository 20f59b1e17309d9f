// SPDX-License-Identifier: GPL-3.0-or-later
// `vm list --running`.
#pragma once

#include "server/ctl/verb.h"

namespace berth::server {

/// From the lock files in the directory or at the server that `options` name; with neither, from what the
/// workstations post. P05 when some folders could not be looked at.
Result<Answer> running_answer(const Ctl& ctl, const PlaceOptions& options);

}  // namespace berth::server
