// SPDX-License-Identifier: GPL-3.0-or-later
// The steps on this machine: swap, volume engine, VM, console; and their undo.
#include <poll.h>

#include <algorithm>
#include <utility>

#include "greeter/session/session.h"
#include "greeter/session/time_text.h"

namespace berth::session {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

volume::DiskMode mode_of(const guest::Disk& disk) {
    switch (disk.role) {
        case guest::DiskRole::swap:
            return volume::DiskMode::local;
        case guest::DiskRole::shared:
            return volume::DiskMode::shared;
        default:
            return volume::DiskMode::direct;
    }
}

milliseconds left_until(BootTime deadline, Clock& clock) {
    return std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(deadline - clock.now()));
}

}  // namespace

Status Session::refuse_second_copy() {
    auto stored = seams_.store.list();
    if (!stored) return fail(stored.error());
    for (const auto& other : *stored)
        if (other.state && other.session != state_.session && other.state->boot_id == state_.boot_id &&
            other.state->domain == machine_.uuid)
            return fail(ErrorCode::H03,
                        "a copy of it, \"{}\" with the same uuid {}, is still in use on this workstation",
                        other.state->vm, machine_.uuid);
    return {};
}

Status Session::make_swap() {
    BERTH_TRY(refuse_second_copy());
    std::vector<std::pair<const guest::SwapSpec*, std::string>> wanted;
    for (const guest::Disk& disk : machine_.disks)
        if (disk.swap)
            wanted.emplace_back(&*disk.swap,
                                fmt::format("{}/{}-{}.raw", config_.swap_dir, state_.session, disk.name));
    uint64_t together = 0;
    for (const auto& [spec, path] : wanted) {
        state_.swap.push_back(path);
        together += spec->size;
    }
    // All that the next three steps make is known by name now and written down at once: undoing what was
    // never made does no harm.
    state_.domain = machine_.uuid;
    for (auto name : {step::volume, step::vm}) state_.began.emplace_back(name);
    BERTH_TRY(save_state());
    BERTH_TRY(refuse_second_copy());  // Of two at once at least one finds the other.
    BERTH_TRY(seams_.parts.check_swap_room(config_.swap_dir, together));
    for (const auto& [spec, path] : wanted)
        BERTH_TRY(seams_.parts.make_swap(*spec, path, *directory_, state_.vm));
    return {};
}

Status Session::delete_swap() {
    Status first;
    for (const auto& path : state_.swap)
        if (Status s = seams_.parts.delete_file(path); !s && first) first = std::move(s);
    return first;
}

Status Session::start_volume(BootTime deadline) {
    BERTH_TRY(seams_.parts.make_run_dir(state_.run_dir));
    volume::VolumeConfig config{.run_dir = state_.run_dir,
                                .nfs = mount_options_.location,
                                .credentials = mount_options_.credentials,
                                .shared = mount_options_.shared,
                                .vm = state_.vm,
                                .epoch = taken_->epoch,
                                .nonce = taken_->nonce,
                                .owner = config_.owner.client,
                                .renew = config_.times.lock.renew,
                                .hold = config_.times.lock.hold};
    for (const guest::Disk& disk : machine_.disks) {
        const volume::DiskMode mode = mode_of(disk);
        const std::string path =
            mode == volume::DiskMode::local
                ? fmt::format("{}/{}-{}.raw", config_.swap_dir, state_.session, disk.name)
                : disk.path;
        config.disks.push_back({disk.name, mode, path, disk.read_only || mode == volume::DiskMode::shared});
    }
    auto volume = seams_.parts.start_volume(config);
    if (!volume) return fail(volume.error());
    volume_ = std::move(*volume);
    state_.volume_pid = volume_->pid();
    state_.volume_start = volume_->start_time();
    BERTH_TRY(save_state());  // while it mounts
    return volume_->wait_ready(left_until(deadline, seams_.clock));
}

Result<lock::WriterEnd> Session::end_volume() {
    using lock::WriterEnd;
    // Without a VM nobody ever wrote to its disks.
    const bool served = saga_.state(step::vm) != StepState::idle;
    const BootTime give_up = seams_.clock.now() + config_.times.volume_stop;
    bool told = false;
    while (true) {
        auto status = volume_->status();
        if (status) notice_claim(*status);
        if (status && status->state == volume::VolumeState::lost) {
            const uint64_t unsaved = status->uncommitted();
            if (move_ && unsaved != 0) tell_loss(fmt::format("{} KiB", (unsaved + 1023) / 1024));
            seams_.report.event(Level::warning, "the lock was lost: nothing more can be written",
                                {{"vm", state_.vm}});
            volume_->kill();
            return served ? WriterEnd::lost : WriterEnd::none;
        }
        auto stopped = volume_->stop(left_until(give_up, seams_.clock));
        if (stopped) {
            if (stopped->write_lost) note_lost_write(seams_.clock.now() + -*stopped->write_lost);
            return WriterEnd::stopped;
        }
        const Watched gone[] = {{volume_->gone_fd(), POLLIN}};
        if (seams_.front_end.listen(Duration::zero(), gone).wish == Wish::descriptor) {
            seams_.report.error("berth-volume is gone", stopped.error());
            return served ? WriterEnd::died : WriterEnd::none;
        }
        if (seams_.clock.now() >= give_up) {
            seams_.front_end.say(MessageStyle::error, stopped.error().to_user());
            volume_->release();
            return fail(stopped.error());
        }
        if (!std::exchange(told, true))
            seams_.front_end.say(MessageStyle::info, fmt::format("Waiting for {} to take the last changes.",
                                                                 mount_options_.location.server));
        seams_.clock.sleep(seconds(1));
    }
}

Status Session::stop_volume() {
    if (volume_) {
        auto end = end_volume();
        if (!end) return fail(end.error());
        writer_end_ = *end;
        volume_.reset();
    }
    return seams_.parts.remove_run_dir(state_.run_dir);
}

void Session::note_lost_write(BootTime when) {
    write_lost_ = std::max(write_lost_.value_or(when), when);
}

Status Session::start_vm(BootTime) {
    BERTH_TRY(fetch_firmware_state());
    guest::ClientFacts facts{.domain_name = guest::domain_name(state_.session),
                             .kvm = kvm_usable_,
                             .nbd_socket = in_run_dir("nbd.sock"),
                             .console_socket = in_run_dir("console.sock"),
                             .network_bridge = config_.client.network_bridge,
                             .guest_address_leased = config_.client.guest_address_leased,
                             .nat_network = config_.nat_network,
                             .firmware_code = config_.ovmf_code,
                             .nvram_copy = firmware_paths_.nvram,
                             .host_memory = config_.host_memory,
                             .host_cpus = config_.host_cpus};
    auto xml = guest::domain_xml(machine_, facts);
    if (!xml) return fail(xml.error());
    auto domain = seams_.hypervisor.start(*xml);
    if (!domain) return fail(domain.error());
    domain_ = std::move(*domain);
    return {};
}

Status Session::fetch_firmware_state() {
    firmware_paths_ = guest::firmware_paths(machine_, state_.run_dir);
    auto stored = stored_firmware(*directory_, state_.vm, machine_);
    if (!stored) return fail(stored.error());
    firmware_ = std::move(*stored);
    return guest::place_firmware(firmware_paths_, firmware_, config_.ovmf_vars);
}

Status Session::put_firmware_state_back() {
    if (!guest_ran_) return guest::remove_firmware(firmware_paths_);
    auto changed = guest::changed_firmware(firmware_paths_, firmware_);
    if (!changed) return fail(changed.error());
    if (changed->empty()) return guest::remove_firmware(firmware_paths_);
    const auto put_back = [&] {
        Status put = put_firmware(*directory_, state_.vm, machine_, *changed, [this] { return may_write(); });
        if (failed_as(put, Condition::no_answer)) note_lost_write(seams_.clock.now());
        return put;
    };
    Status put = put_back();
    if (!put && !failed_as(put, Condition::lost)) {
        // The connection of the login may have died in the hours between.
        BERTH_TRY(remount());
        put = put_back();
    }
    if (!put && !failed_as(put, Condition::lost)) return put;
    if (!put) {
        seams_.report.event(Level::warning, "the lock was lost: firmware variables are kept aside",
                            {{"vm", state_.vm}});
        if (move_) tell_loss("The firmware's settings");
        BERTH_TRY(keep_firmware_aside(*directory_, state_.vm, state_.lock->epoch, *changed));
    }
    return guest::remove_firmware(firmware_paths_);
}

Status Session::hand_over_console() {
    auto console = domain_->console();
    if (!console) return fail(console.error());
    console_ = std::move(*console);
    BERTH_TRY(domain_->resume());
    guest_ran_ = true;
    seams_.front_end.console(console_.get(), state_.vm);
    since_ = rfc3339(seams_.clock.wall());
    return {};
}

Status Session::take_console_back() {
    console_.reset();
    seams_.front_end.console_end();
    return {};
}

void Session::notice_claim(const volume::VolumeStatus& status) {
    if (!status.claim || move_) return;
    move_ = Move{*status.claim,
                 plan_move(seams_.clock.now(), status.lease_left, config_.times.watch.power_button)};
    seams_.report.event(Level::info, "another workstation asks for the VM",
                        {{"host", move_->claim.host}, {"vm", state_.vm}});
}

Status Session::may_write() {
    // A connection that was lost suspends the right until the next good renewal.
    const BootTime give_up = seams_.clock.now() + config_.times.lock.renew;
    while (true) {
        const BootTime asked = seams_.clock.now();
        auto status = volume_ ? volume_->status() : fail(ErrorCode::V05, "no volume engine");
        if (!status) return fail(status.error());
        if (status->state == volume::VolumeState::lost ||
            (status->claim && status->lease_left <= Duration(0)))
            return fail(ErrorCode::K05);
        if (seams_.clock.now() < asked + status->lease_left) return {};
        if (seams_.clock.now() >= give_up) return fail(ErrorCode::V05, "the lease is not renewed");
        seams_.clock.sleep(milliseconds(250));
    }
}

void Session::tell_loss(std::string_view what) {
    if (std::exchange(loss_told_, true)) return;
    seams_.front_end.say(MessageStyle::error,
                         Error(ErrorCode::K33, fmt::format("{} of \"{}\"", what, state_.vm)).to_user());
}

void Session::tell_running() {
    if (seams_.clock.now() < next_tell_) return;
    if (telling_.valid()) telling_.wait();  // long done: a request is bounded, and this is minutes later
    next_tell_ = seams_.clock.now() + config_.times.tell;
    telling_ = std::async(std::launch::async, seams_.tell_provisioner, state_.user, state_.vm, since_);
}

Status Session::wait_for_guest() {
    const RunningGuest guest{.domain = *domain_,
                             .volume = *volume_,
                             .console = console_,
                             .vm = state_.vm,
                             .user = state_.user,
                             .server = mount_options_.location.server,
                             .since = since_};
    auto watch = watch_guest(guest, config_.times.watch,
                             {seams_.clock, seams_.report, seams_.front_end, [this] { tell_running(); }});
    if (!watch) return fail(watch.error());
    move_ = watch->move();
    loss_told_ = watch->tells_loss();
    return *watch->ended();
}

Status Session::stop_vm() {
    if (domain_) {
        const auto pause = [this](StopLadder& ladder) {
            if (auto status = volume_ && !move_ ? volume_->status() : fail(ErrorCode::V05); status)
                notice_claim(*status);
            if (move_) ladder.no_later_than(move_->plan.switch_off);
            return seams_.front_end.listen(milliseconds(250), {}).wish == Wish::force_off
                       ? Patience::switch_off
                       : Patience::wait;
        };
        const StopLadder ladder(config_.times.watch.power_button);
        if (Status s = stop_guest(*domain_, guest_ran_, ladder, seams_.clock, pause); !s)
            return fail(Error(ErrorCode::H30, s.error().to_log()));
        domain_.reset();
    }
    return put_firmware_state_back();
}

}  // namespace berth::session
