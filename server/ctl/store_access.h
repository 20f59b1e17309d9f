// SPDX-License-Identifier: GPL-3.0-or-later
// The provisioner's database, as berthctl opens it.
#pragma once

#include "server/ctl/verb.h"
#include "server/store/store.h"

namespace berth::server {

/// The database that --database names. Root acts as the owner of its folder from then on: a link that
/// this user puts there leads nowhere that the user may not go, and what SQLite makes is the user's.
Result<std::unique_ptr<Store>> open_store(const Ctl& ctl);

}  // namespace berth::server
