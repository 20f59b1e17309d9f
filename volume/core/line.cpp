// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/line.h"

#include "files/nfs/rpc_connection.h"

namespace berth::volume {

void keep_alive(Line& line, BootTime now) {
    if (line.broken() || line.oldest_call() || now - line.last_call() < files::k_longest_idle) return;
    line.ping();
}

void reset_overdue(Line& line, const lock::Lease& lease, BootTime now, Duration longest) {
    const auto oldest = line.oldest_call();
    const bool overdue = oldest && now - *oldest >= longest;
    if (line.writes_out() != 0 ? lease.ended() : overdue) line.reset();
}

BootTime next_look(const Line& line, const lock::Lease& lease, Duration longest) {
    if (line.writes_out() != 0) return lease.ends();
    const auto oldest = line.oldest_call();
    return oldest ? *oldest + longest : line.last_call() + files::k_longest_idle;
}

}  // namespace berth::volume
