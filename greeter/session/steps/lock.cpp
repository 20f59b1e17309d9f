// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/steps/lock.h"

#include <algorithm>

#include "greeter/session/leftovers/last_session.h"
#include "greeter/session/steps/firmware.h"
#include "greeter/session/time_text.h"
#include "guest/vm_check.h"

namespace berth::session {

using std::chrono::seconds;

Result<bool> LockStep::ask_to_break(const lock::LockHolder& holder) {
    const lock::LockOwner& owner = holder.record.owner;
    const std::string since = time_for_people(holder.record.since);
    const std::string& vm = session_.record.vm;
    const bool ours = owner.client == session_.config.owner.client;
    std::string title =
        ours ? fmt::format(
                   "This workstation was switched off during your last session: it has held \"{}\" since {}.",
                   vm, since)
             : fmt::format("\"{}\" is in use on workstation {} since {} (last sign of life {} ago).", vm,
                           shown_host(owner.host, 40), since, shown_age(holder.last_sign_of_life));
    const BreakPolicy policy = session_.config.client.lock_break;
    if (policy != BreakPolicy::user)
        return fail(ErrorCode::K31, "{}{}", title,
                    policy == BreakPolicy::admin ? " Only an administrator may." : "");
    // One act for both: a claim asks a holder that lives, and waits out one that does not
    // (docs/decisions/0011).
    if (ours)
        title += " If you take it over, work that was not saved then may be lost.";
    else
        title += fmt::format(
            " Move it here? It is closed there cleanly. If that workstation does not answer, it is taken "
            "over after {} s: work not saved there may be lost.",
            std::chrono::ceil<seconds>(session_.config.times.lock.take_over).count());
    auto answer = BERTH_TRY(session_.seams.front_end.choose(
        title, {"No, log me off", ours ? "Yes, take it over" : "Yes, move it here"}, 0));
    if (answer == 0)
        return fail(ErrorCode::K30, "{} has held it since {}",
                    ours ? "this workstation" : "workstation " + shown_host(owner.host, 40), since);
    return true;
}

Result<lock::TakenLock> LockStep::try_lock(bool may_break) {
    UserFiles& files = *files_;
    const std::string& vm = session_.record.vm;
    bool waited = false;
    const auto intent = [this](uint64_t epoch, const std::string& nonce) -> Status {
        session_.record.lock = LockState{.epoch = epoch, .nonce = nonce};
        return session_.write_down();
    };
    const auto waiting = [&](seconds left) {
        std::optional<lock::LockHolder> lower;
        if (auto found = files->holder_below(vm, session_.record.lock->epoch)) lower = std::move(*found);
        const lock::LockTimes& times = session_.config.times.lock;
        const seconds asked = std::chrono::ceil<seconds>(times.take_over) - left;
        session_.tell_progress(waiting_text(lower, asked, left, times));
        waited = true;
        claim_left_ = session_.seams.front_end.stopping();
        return !claim_left_;
    };
    auto taken = files->lock(vm, session_.config.owner, may_break, intent, waiting);
    // The user pressed Escape while a call of the wait was unanswered.
    if (failed_as(taken, Condition::cancelled)) claim_left_ = waited;
    return taken;
}

Result<lock::TakenLock> LockStep::take(UserFiles::Bound& bound) {
    // Most often nobody holds it: then this is all, without asking first who does.
    auto taken = try_lock(false);
    if (!failed_as(taken, Condition::busy)) return taken;
    auto holder = BERTH_TRY((*files_)->holder(session_.record.vm));
    bool may_break = false;
    if (holder) {
        may_break = BERTH_TRY(ask_to_break(*holder));
        bound.renew(session_.seams.clock.now() + facts.deadline);
    }
    return try_lock(may_break);
}

Result<Locked> LockStep::run(Checked vm, BootTime deadline) {
    files_ = vm.files;
    BERTH_TRY(finish_last_session(session_, deadline));
    session_.record.disks = guest::recorded_disks(vm.config);
    UserFiles::Bound bound(*files_, session_.seams.clock.now() + facts.deadline);
    auto taken = BERTH_TRY(take(bound));
    session_.seams.store.forget_below(session_.record);
    return Locked{std::move(vm), std::move(taken)};
}

Status LockStep::undo() {
    const SessionState& record = session_.record;
    if (!record.lock || claim_left_) return {};
    const SessionSeams& seams = session_.seams;
    InFlight& in_flight = session_.in_flight;
    if (const auto lost = seams.resources.write_lost()) in_flight.lose_write(*lost);
    const Duration sweep_wait = session_.config.times.lock.sweep_wait;
    const auto from = lock::release_from(in_flight.writer_end, in_flight.write_lost, sweep_wait);
    if (!from)
        return fail(ErrorCode::K32, "\"{}\" is released in {} s", record.vm,
                    std::chrono::ceil<seconds>(sweep_wait).count());
    while (seams.clock.now() < *from) {
        const Duration left = *from - seams.clock.now();
        session_.tell_progress(fmt::format("Waiting until all that was sent has arrived: {} s",
                                           std::chrono::ceil<seconds>(left).count()));
        seams.clock.sleep(std::min<Duration>(left, seconds(1)));
    }
    UserFiles& files = *files_;
    if (files)
        if (Status s = files->release(record.vm, record.lock->epoch, record.lock->nonce, record.disks); s)
            return s;
    // The connection of the login may have died in the hours between.
    BERTH_TRY(files.remount());
    return files->release(record.vm, record.lock->epoch, record.lock->nonce, record.disks);
}

Status LockStep::undo_left(Leftover& left) {
    const SessionState& state = left.state;
    const SweepSeams& seams = left.seams;
    if (!state.lock) return {};
    const BootTime free = left.writers_gone + seams.times.sweep_wait;
    while (seams.clock.now() < free) {
        const Duration more = free - seams.clock.now();
        BERTH_TRY(left.wait(more, std::min<Duration>(more, seconds(1))));
    }
    // Without the shared tree: another server that is down must not keep the lock.
    auto directory = seams.resources.mount(
        {.location = state.location, .shared = {}, .credentials = state.credentials, .times = seams.times});
    if (!directory) return fail(directory.error());
    BERTH_TRY(put_left_firmware_back(left, **directory));
    return (*directory)->release(state.vm, state.lock->epoch, state.lock->nonce, state.disks);
}

}  // namespace berth::session
