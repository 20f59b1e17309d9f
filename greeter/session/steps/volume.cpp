// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/steps/volume.h"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace berth::session {
namespace {

using lock::WriterEnd;
using std::chrono::milliseconds;
using std::chrono::seconds;
using volume::VolumeState;

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

uint64_t whole_kib(uint64_t bytes) {
    return (bytes + 1023) / 1024;
}

volume::VolumeConfig volume_config(const SessionContext& session, const WithSwap& vm) {
    const guest::MountOptions& mounted = vm.files->options();
    volume::VolumeConfig config{.run_dir = session.record.run_dir,
                                .nfs = mounted.location,
                                .credentials = mounted.credentials,
                                .shared = mounted.shared,
                                .vm = vm.vm,
                                .epoch = vm.lock.epoch,
                                .nonce = vm.lock.nonce,
                                .owner = session.config.owner.client,
                                .disks = {},
                                .renew = session.config.times.lock.renew,
                                .hold = session.config.times.lock.hold};
    for (const guest::Disk& disk : vm.config.disks) {
        const volume::DiskMode mode = mode_of(disk);
        config.disks.push_back(
            {disk.name, mode,
             mode == volume::DiskMode::local ? SwapStep::path(session.config, disk) : disk.path,
             disk.read_only || mode == volume::DiskMode::shared});
    }
    return config;
}

/// Of a berth-volume that did not stop: an error says why it must not be killed.
Status may_kill(const Leftover& left) {
    const SessionState& state = left.state;
    const SweepSeams& seams = left.seams;
    // One that is busy with an earlier stop answers when that is over, which is soon.
    const BootTime give_up = seams.clock.now() + seconds(30);
    auto asked = seams.processes.volume_status(state.run_dir);
    while (!asked && seams.clock.now() < give_up && !seams.processes.volume_processes(state).empty()) {
        BERTH_TRY(left.wait(give_up - seams.clock.now(), seconds(1)));
        asked = seams.processes.volume_status(state.run_dir);
    }
    if (!asked)
        return fail(Error(ErrorCode::V05, fmt::format("it may hold changes of \"{}\"", state.vm))
                        .with_condition(Condition::unsaved));
    // Without its socket it serves no disk: it is starting, or has ended in all but name.
    if (!*asked) return {};
    const volume::VolumeStatus& now = **asked;
    if (now.state == VolumeState::lost) return {};
    // It keeps what the guest wrote and continues when the server is back; so do we.
    if (now.state == VolumeState::silent || now.state == VolumeState::claimed ||
        now.state == VolumeState::stopping)
        return fail(ErrorCode::K32, "{} does not answer: the last changes wait for it",
                    state.location.server);
    if (now.uncommitted() == 0) return {};
    return fail(ErrorCode::V04, "{} KiB of \"{}\": {} does not take them", whole_kib(now.uncommitted()),
                state.vm, state.location.server);
}

}  // namespace

Result<Served> VolumeStep::run(WithSwap vm, BootTime deadline) {
    BERTH_TRY(session_.seams.resources.make_run_dir(session_.record.run_dir));
    volume_ = BERTH_TRY(session_.seams.resources.start_volume(volume_config(session_, vm)));
    session_.record.volume_pid = volume_->pid();
    session_.record.volume_start = volume_->start_time();
    BERTH_TRY(session_.write_down());  // while it mounts
    BERTH_TRY(volume_->wait_ready(left_until(deadline, session_.seams.clock)));
    return Served{std::move(vm), volume_.get()};
}

Status VolumeStep::undo() {
    if (volume_) BERTH_TRY(end());
    return session_.seams.resources.remove_run_dir(session_.record.run_dir);
}

Status VolumeStep::ended(WriterEnd how) {
    session_.in_flight.writer_end = how;
    volume_.reset();
    return {};
}

Status VolumeStep::end() {
    const SessionSeams& seams = session_.seams;
    const bool served = session_.in_flight.served;
    const BootTime give_up = seams.clock.now() + session_.config.times.volume_stop;
    bool told = false;
    while (true) {
        auto status = volume_->status();
        if (status) session_.notice_claim(*status);
        if (status && status->state == VolumeState::lost) {
            const uint64_t unsaved = status->uncommitted();
            if (session_.move && unsaved != 0) session_.tell_loss(fmt::format("{} KiB", whole_kib(unsaved)));
            seams.report.event(Level::warning, "the lock was lost: nothing more can be written",
                               {{"vm", session_.record.vm}});
            volume_->kill();
            return ended(served ? WriterEnd::lost : WriterEnd::none);
        }
        auto stopped = volume_->stop(left_until(give_up, seams.clock));
        if (stopped) {
            if (stopped->write_lost) session_.in_flight.lose_write(seams.clock.now() + -*stopped->write_lost);
            return ended(WriterEnd::stopped);
        }
        const Watched gone[] = {{volume_->gone_fd(), POLLIN}};
        if (seams.front_end.listen(Duration::zero(), gone).wish == Wish::descriptor) {
            seams.report.error("berth-volume is gone", stopped.error());
            return ended(served ? WriterEnd::died : WriterEnd::none);
        }
        if (seams.clock.now() >= give_up) {
            volume_->release();
            session_.tell_failed_undo(stopped.error());
            return fail(stopped.error());
        }
        if (!std::exchange(told, true))
            seams.front_end.say(MessageStyle::info, fmt::format("Waiting for {} to take the last changes.",
                                                                session_.record.location.server));
        seams.clock.sleep(seconds(1));
    }
}

Status VolumeStep::undo_left(Leftover& left) {
    if (!left.same_boot()) return {};
    const SweepSeams& seams = left.seams;
    const auto processes = [&] { return seams.processes.volume_processes(left.state); };
    if (!processes().empty()) {
        if (Status stopped = seams.processes.stop_volume(left.state.run_dir, seconds(30)); !stopped) {
            if (left.unsaved == Unsaved::keep) BERTH_TRY(may_kill(left));
            seams.report.error("sweeper kills berth-volume", stopped.error());
            for (pid_t pid : processes()) seams.processes.kill(pid);
        }
    }
    for (int i = 0; !processes().empty(); ++i) {
        if (i == 100) return fail(ErrorCode::K32, "berth-volume does not end");
        seams.clock.sleep(milliseconds(100));
    }
    left.writers_gone = seams.clock.now();
    return {};
}

}  // namespace berth::session
