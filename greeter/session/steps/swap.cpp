// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/steps/swap.h"

namespace berth::session {

std::string SwapStep::path(const SessionConfig& config, const guest::Disk& disk) {
    return fmt::format("{}/{}-{}.raw", config.swap_dir, config.session, disk.name);
}

// libvirt and its TPM folder go by uuid: a copy of the VM must be gone from this workstation first.
Status SwapStep::refuse_second_copy(const guest::MachineConfig& config) {
    const SessionState& ours = session_.record;
    auto stored = BERTH_TRY(session_.seams.store.list());
    for (const auto& other : stored)
        if (other.state && other.session != ours.session && other.state->boot_id == ours.boot_id &&
            other.state->domain == config.uuid)
            return fail(ErrorCode::H03,
                        "a copy of it, \"{}\" with the same uuid {}, is still in use on this workstation",
                        other.state->vm, config.uuid);
    return {};
}

Result<WithSwap> SwapStep::run(Configured vm, BootTime /*deadline*/) {
    BERTH_TRY(refuse_second_copy(vm.config));
    SessionState& record = session_.record;
    uint64_t together = 0;
    for (const guest::Disk& disk : vm.config.disks) {
        if (!disk.swap) continue;
        record.swap.push_back(path(session_.config, disk));
        together += disk.swap->size;
    }
    // All that the next three steps make is known by name now and written down at once: undoing what was
    // never made does no harm.
    record.domain = vm.config.uuid;
    for (auto name : {step::volume, step::vm}) record.began.emplace_back(name);
    BERTH_TRY(session_.write_down());
    BERTH_TRY(refuse_second_copy(vm.config));  // Of two at once at least one finds the other.

    SessionResources& resources = session_.seams.resources;
    BERTH_TRY(resources.check_swap_room(session_.config.swap_dir, together));
    // A template is as large as its disk: each call for it is bounded and Escape ends it, the whole is not.
    for (const guest::Disk& disk : vm.config.disks)
        if (disk.swap)
            BERTH_TRY(resources.make_swap(*disk.swap, path(session_.config, disk), **vm.files, vm.vm));
    return WithSwap{std::move(vm)};
}

Status SwapStep::delete_all(const SessionState& state, SessionResources& resources) {
    Status first;
    for (const auto& path : state.swap)
        if (Status s = resources.delete_file(path); !s && first) first = std::move(s);
    return first;
}

}  // namespace berth::session
