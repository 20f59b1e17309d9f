// SPDX-License-Identifier: GPL-3.0-or-later
// One client of the traces: a process of its own that runs the real LockProtocol, Lease and NfsSession over
// the conductor's proxy, and tells the conductor what each call is for.
#pragma once

#include <cstdint>
#include <string>

#include "base/nfs_types.h"
#include "tests/model/traces/note.h"

namespace berth::traces {

struct ClientSetup {
    unsigned number = 0;
    int control = -1;    ///< Socket pair to the conductor.
    int interrupt = -1;  ///< eventfd: the call under way is cancelled, its time is over.
    const SharedTime* time = nullptr;
    NfsLocation server;  ///< Of the proxy; directory is the export's root.
};

/// Plays traces until the conductor is gone; the exit code.
int run_client(const ClientSetup& setup);

}  // namespace berth::traces
