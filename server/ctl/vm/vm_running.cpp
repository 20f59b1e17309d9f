// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/vm/vm_running.h"

#include "server/ctl/store_access.h"
#include "server/vmtools/running.h"

namespace berth::server {
namespace {

Result<RunningList> look(const Ctl& ctl, const PlaceOptions& options) {
    const WallTime now = ctl.clock.wall();
    if (!options.directory.empty()) return running_in_folder(options.directory, now);
    if (!options.server.empty()) {
        const auto location = BERTH_TRY(nfs_location(options.server, options.nfs_port, options.mount_port));
        return running_on_server(location, *options.files, now);
    }
    auto store = BERTH_TRY(open_store(ctl));
    const auto machines = BERTH_TRY(store->machines());
    return running_by_posts(machines, now);
}

}  // namespace

Result<Answer> running_answer(const Ctl& ctl, const PlaceOptions& options) {
    const auto list = BERTH_TRY(look(ctl, options));
    Answer answer{.json = running_json(list), .lines = table(running_rows(list))};
    for (const auto& error : list.errors) ctl.complain(error);
    if (!list.errors.empty())
        answer.then = fail(ErrorCode::P05, "{} folders could not be looked at; the list is not whole",
                           list.errors.size());
    return answer;
}

}  // namespace berth::server
