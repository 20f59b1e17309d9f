// SPDX-License-Identifier: GPL-3.0-or-later
// `berthctl vm list --running` (REQUIREMENTS M11).
#include "base/output.h"
#include "server/ctl/berthctl.h"
#include "server/vmtools/running.h"
#include "server/vmtools/vm_place.h"

namespace berth::server {
namespace {

Result<RunningList> look(Ctl& ctl, const RunningArguments& arguments) {
    const WallTime now = ctl.clock.wall();
    if (!arguments.directory.empty()) return running_in_folder(arguments.directory, now);
    if (!arguments.server.empty()) {
        const auto location = nfs_location(arguments.server, arguments.nfs_port, arguments.mount_port);
        if (!location) return fail(location.error());
        return running_on_server(*location, *arguments.files, now);
    }
    auto store = open_store(ctl);
    if (!store) return fail(store.error());
    const auto machines = (*store)->machines();
    if (!machines) return fail(machines.error());
    return running_by_posts(*machines, now);
}

}  // namespace

Status list_running(Ctl& ctl, const RunningArguments& arguments) {
    const auto list = look(ctl, arguments);
    if (!list) return fail(list.error());
    if (ctl.json)
        say_json(running_json(*list));
    else
        print_text(Stream::out, table(running_rows(*list)));
    for (const auto& error : list->errors) complain("berthctl: {}\n", error.to_user());
    if (list->errors.empty()) return {};
    return fail(ErrorCode::P05, "{} folders could not be looked at; the list is not whole",
                list->errors.size());
}

}  // namespace berth::server
