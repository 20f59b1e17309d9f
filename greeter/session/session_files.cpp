// SPDX-License-Identifier: GPL-3.0-or-later
// The steps at the file server: mount, choose, check, lock, read configuration; and their undo.
#include <algorithm>

#include "base/plain_text.h"
#include "base/text.h"
#include "greeter/session/session.h"
#include "greeter/session/time_text.h"
#include "guest/vm_check.h"

namespace berth::session {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// More rows than that the greeter takes for nonsense (greeter/protocol/protocol.h).
constexpr size_t k_most_vms = 256;

}  // namespace

Status Session::mount(BootTime deadline) {
    const User& user = seams_.authenticator.user();
    state_.user = config_.owner.user = user.name;
    mount_options_.credentials = {
        .uid = user.uid, .gid = user.gid, .groups = {user.groups.begin(), user.groups.end()}};
    mount_options_.times = config_.times.lock;
    mount_options_.call_timeout =
        std::min<Duration>(mount_options_.call_timeout, deadline - seams_.clock.now());
    if (!config_.client.shared_location.empty()) {
        auto shared = parse_location(config_.client.shared_location);
        if (!shared)
            return fail(ErrorCode::I04, "shared.location \"{}\": must be server:/path",
                        config_.client.shared_location);
        shared->nfs_port = config_.client.locate.nfs_port;
        shared->mount_port = config_.client.locate.mount_port;
        mount_options_.shared = std::move(*shared);
    }
    // The way back waits for the server, whoever gave up.
    mount_options_.interrupt = {seams_.front_end.wish_fd(),
                                [this] { return seams_.front_end.stopping() && way_ == Way::forth; }};
    state_.location = mount_options_.location;
    state_.shared = mount_options_.shared;
    state_.credentials = mount_options_.credentials;
    if (user.groups.size() > k_max_groups)
        return fail(ErrorCode::M12, "{} besides your own: must be at most {}", user.groups.size(),
                    k_max_groups);
    BERTH_TRY(remount());
    return seams_.parts.keep_guests_from(directory_->servers());
}

Status Session::remount() {
    auto directory = seams_.parts.mount(mount_options_);
    if (!directory) return fail(directory.error());
    directory_ = std::move(*directory);
    return {};
}

void Session::bound(std::optional<BootTime> deadline) {
    if (directory_) directory_->finish_by(deadline);
}

Status Session::make_from_template() {
    auto source = parse_location(config_.client.template_vm);
    if (!source)
        return fail(ErrorCode::I04, "vm.template \"{}\": must be server:/path", config_.client.template_vm);
    source->nfs_port = config_.client.locate.nfs_port;
    source->mount_port = config_.client.locate.mount_port;
    const auto progress = [this](const std::string&, uint64_t done, uint64_t size) -> Status {
        seams_.front_end.progress({step::choose,
                                   fmt::format("Making your virtual machine: {} of {} MiB", done >> 20,
                                               (size + (1 << 20) - 1) >> 20),
                                   "doing", step_index_, session_steps().size()});
        return seams_.front_end.stopping() ? Status(fail(ErrorCode::L05)) : Status{};
    };
    return seams_.parts.make_from_template(mount_options_, *source, config_.owner.client, progress);
}

Status Session::choose() {
    auto vms = directory_->list_vms();
    if (!vms) return fail(vms.error());
    if (vms->empty() && !config_.client.template_vm.empty()) {
        BERTH_TRY(make_from_template());
        bound(seams_.clock.now() + step_deadline(step::choose));
        vms = directory_->list_vms();
        if (!vms) return fail(vms.error());
    }
    if (vms->empty())
        return fail(ErrorCode::M31, "{}:{}", mount_options_.location.server,
                    mount_options_.location.directory);
    if (vms->size() > k_most_vms) {
        seams_.front_end.say(MessageStyle::info,
                             fmt::format("You have {} virtual machines: the first {} of them are listed.",
                                         vms->size(), k_most_vms));
        vms->resize(k_most_vms);
    }
    size_t chosen = 0;
    if (vms->size() > 1) {
        auto answer = seams_.front_end.choose("Which virtual machine do you want to use?", *vms, 0);
        if (!answer) return fail(answer.error());
        chosen = *answer;
    }
    const std::string& name = (*vms)[chosen];
    // It has to come back the same from the session's state file and the volume engine's configuration.
    if (!is_plain_text(name))
        return fail(ErrorCode::M33,
                    "the name of its folder, \"{}\", must be UTF-8 without control characters",
                    printable(name, 255));
    state_.vm = name;
    return {};
}

Result<guest::MachineConfig> Session::read_configuration() {
    return guest::read_machine_config(*directory_, state_.vm, machine_text_);
}

Status Session::check() {
    const Status kvm = kvm_.get();
    kvm_usable_ = kvm.has_value();
    if (!kvm && !config_.client.allow_emulation) return kvm;

    BERTH_TRY(directory_->check_writable(state_.vm));
    auto config = read_configuration();
    if (!config) return fail(config.error());
    machine_ = std::move(*config);
    BERTH_TRY(guest::check_disks(*directory_, state_.vm, machine_));
    auto space = directory_->space_left();
    if (!space) return fail(space.error());
    if (space->bytes < guest::k_little_space)
        seams_.front_end.say(MessageStyle::info,
                             fmt::format("Only {} MiB are left for your files on {}.", space->bytes >> 20,
                                         mount_options_.location.server));
    return {};
}

Status Session::finish_last_session() {
    const auto same_vm = [this](const StateStore::Stored& s) {
        return s.state && s.session != state_.session && s.state->vm == state_.vm &&
               s.state->location.server == state_.location.server &&
               s.state->location.directory == state_.location.directory;
    };
    constexpr int k_rounds = 240;  // of a quarter second, while a sweeper is at it
    for (int i = 0; i < k_rounds; ++i) {
        auto stored = seams_.store.list();
        if (!stored) return fail(stored.error());
        const auto it = std::ranges::find_if(*stored, same_vm);
        if (it == stored->end()) return {};
        const auto waiting = [this](seconds left) {
            seams_.front_end.progress(
                {step::lock,
                 fmt::format("Finishing the last session of this workstation: {} s", left.count()), "doing",
                 step_index_, session_steps().size()});
            return !seams_.front_end.stopping();
        };
        auto claim = seams_.store.claim(it->session);
        if (!claim) return fail(claim.error());
        if (*claim) {
            auto now = seams_.store.load(it->session);
            if (!now) return fail(now.error());
            if (!*now || !(*now)->state) continue;
            const SessionState& last = *(*now)->state;
            Status finished = seams_.sweeper.finish(last, waiting);
            if (failed_as(finished, Condition::unsaved)) {
                BERTH_TRY(ask_to_discard(finished.error()));
                finished = seams_.sweeper.finish(last, waiting, Unsaved::discard);
            }
            if (!finished) return fail(Error(ErrorCode::K32, finished.error().to_log()));
            continue;
        }
        if (!waiting(seconds((k_rounds - i) / 4))) return fail(ErrorCode::L05);
        seams_.clock.sleep(milliseconds(250));
    }
    return fail(ErrorCode::K32);
}

Status Session::ask_to_discard(const Error& why) {
    auto answer = seams_.front_end.choose(fmt::format("Changes of your last session of \"{}\" are not saved "
                                                      "yet. {} Discard these changes? They will be lost.",
                                                      state_.vm, why.to_user()),
                                          {"No, log me off", "Yes, discard them"}, 0);
    if (!answer) return fail(answer.error());
    if (*answer == 0) return fail(ErrorCode::K32, "{}", why.detail());
    seams_.report.event(Level::warning, "the user discards unsaved changes",
                        {{"vm", state_.vm}, {"what", why.to_log()}});
    return {};
}

Result<bool> Session::ask_to_break(const lock::LockHolder& holder) {
    const lock::LockOwner& owner = holder.record.owner;
    const std::string since = time_for_people(holder.record.since);
    std::string title;
    if (owner.client == config_.owner.client)
        title = fmt::format(
            "This workstation was switched off during your last session: it has held \"{}\" since {}.",
            state_.vm, since);
    else
        title =
            fmt::format("\"{}\" is in use on workstation {} since {} (last sign of life {} ago).", state_.vm,
                        shown_host(owner.host, 40), since, shown_age(holder.last_sign_of_life));
    if (config_.client.lock_break != BreakPolicy::user)
        return fail(ErrorCode::K31, "{}{}", title,
                    config_.client.lock_break == BreakPolicy::admin
                        ? " Only an administrator may take it over."
                        : "");
    // One act for both: a claim asks a holder that lives, and waits out one that does not
    // (docs/decisions/0008).
    std::string yes = "Yes, move it here";
    if (owner.client == config_.owner.client) {
        title += " If you take it over, work that was not saved then may be lost.";
        yes = "Yes, take it over";
    } else {
        title += fmt::format(
            " Move it here? It is closed there cleanly. If that workstation does not answer, it is taken "
            "over after {} s: work not saved there may be lost.",
            std::chrono::ceil<seconds>(config_.times.lock.take_over).count());
    }
    auto answer = seams_.front_end.choose(title, {"No, log me off", yes}, 0);
    if (!answer) return fail(answer.error());
    if (*answer == 0) return fail(ErrorCode::K30, "workstation {}, since {}", owner.host, since);
    return true;
}

Status Session::lock() {
    BERTH_TRY(finish_last_session());
    bound(seams_.clock.now() + step_deadline(step::lock));
    bool waited = false;
    const auto intent = [this](uint64_t epoch, const std::string& nonce) -> Status {
        state_.lock = LockState{.epoch = epoch, .nonce = nonce};
        return save_state();
    };
    const auto waiting = [this, &waited](seconds left) {
        std::optional<lock::LockHolder> lower;
        if (auto found = directory_->holder_below(state_.vm, state_.lock->epoch)) lower = std::move(*found);
        const seconds asked = std::chrono::ceil<seconds>(config_.times.lock.take_over) - left;
        seams_.front_end.progress({step::lock, waiting_text(lower, asked, left, config_.times.lock), "doing",
                                   step_index_, session_steps().size()});
        waited = true;
        claim_left_ = seams_.front_end.stopping();
        return !claim_left_;
    };
    // Most often nobody holds it: then this is all, without asking first who does.
    auto taken = directory_->lock(state_.vm, config_.owner, false, intent, waiting);
    if (failed_as(taken, Condition::busy)) {
        auto holder = directory_->holder(state_.vm);
        if (!holder) return fail(holder.error());
        bool may_break = false;
        if (*holder) {
            auto answer = ask_to_break(**holder);
            if (!answer) return fail(answer.error());
            may_break = *answer;
            bound(seams_.clock.now() + step_deadline(step::lock));
        }
        taken = directory_->lock(state_.vm, config_.owner, may_break, intent, waiting);
    }
    // Given up while a call of the wait was under way.
    if (failed_as(taken, Condition::cancelled)) claim_left_ = waited;
    if (!taken) return fail(taken.error());
    taken_ = std::move(*taken);
    seams_.store.forget_below(state_);
    return {};
}

Status Session::release_lock() {
    if (!state_.lock || claim_left_) return {};
    if (const auto lost = seams_.parts.write_lost()) note_lost_write(*lost);
    const auto from = lock::release_from(writer_end_, write_lost_, config_.times.lock.sweep_wait);
    if (!from)
        return fail(ErrorCode::K32, "\"{}\" is released in {} s", state_.vm,
                    std::chrono::ceil<seconds>(config_.times.lock.sweep_wait).count());
    while (seams_.clock.now() < *from) {
        const Duration left = *from - seams_.clock.now();
        seams_.front_end.progress({step::lock,
                                   fmt::format("Waiting until all that was sent has arrived: {} s",
                                               std::chrono::ceil<seconds>(left).count()),
                                   phase_name(StepPhase::undoing), step_index_, session_steps().size()});
        seams_.clock.sleep(std::min<Duration>(left, seconds(1)));
    }
    if (directory_)
        if (Status s = directory_->release(state_.vm, state_.lock->epoch, state_.lock->nonce); s) return s;
    // The connection of the login may have died in the hours between.
    BERTH_TRY(remount());
    return directory_->release(state_.vm, state_.lock->epoch, state_.lock->nonce);
}

Status Session::configure() {
    // Another may have changed it between the check and the lock; what counts is what stands now.
    const std::string checked = machine_text_;
    auto config = read_configuration();
    if (!config) return fail(config.error());
    machine_ = std::move(*config);
    if (machine_text_ != checked) return guest::check_disks(*directory_, state_.vm, machine_);
    return {};
}

}  // namespace berth::session
