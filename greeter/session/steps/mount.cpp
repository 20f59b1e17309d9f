// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/steps/mount.h"

#include <algorithm>

#include "base/text.h"

namespace berth::session {

Result<guest::MountOptions> MountStep::options(const Located& where, BootTime deadline) {
    guest::MountOptions options{
        .location = where.location,
        .shared = {},
        .credentials = {.uid = where.user.uid,
                        .gid = where.user.gid,
                        .groups = {where.user.groups.begin(), where.user.groups.end()}},
        .times = session_.config.times.lock};
    options.call_timeout = std::min<Duration>(options.call_timeout, deadline - session_.seams.clock.now());
    const ClientConfig& client = session_.config.client;
    if (!client.shared_location.empty()) {
        auto shared = parse_location(client.shared_location);
        if (!shared)
            return fail(ErrorCode::I04, "shared.location \"{}\": must be server:/path",
                        client.shared_location);
        shared->nfs_port = client.locate.nfs_port;
        shared->mount_port = client.locate.mount_port;
        options.shared = std::move(*shared);
    }
    // The way back waits for the server, whoever cancelled.
    options.interrupt = {session_.seams.front_end.wish_fd(),
                         [this] { return session_.seams.front_end.stopping() && !session_.going_back; }};
    return options;
}

Result<Mounted> MountStep::run(Located where, BootTime deadline) {
    session_.record.user = session_.config.owner.user = where.user.name;
    auto wanted = BERTH_TRY(options(where, deadline));
    session_.record.location = wanted.location;
    session_.record.shared = wanted.shared;
    session_.record.credentials = wanted.credentials;
    if (where.user.groups.size() > k_max_groups)
        return fail(ErrorCode::M12, "{} besides your own: must be at most {}", where.user.groups.size(),
                    k_max_groups);
    BERTH_TRY(files_.mount(std::move(wanted)));
    BERTH_TRY(session_.seams.resources.keep_guests_from(files_->servers()));
    return Mounted{std::move(where), &files_};
}

}  // namespace berth::session
