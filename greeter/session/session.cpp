// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/session.h"

namespace berth::session {

Session::Session(SessionConfig config, SessionSeams seams)
    : config_(std::move(config)),
      seams_(std::move(seams)),
      saga_(session_steps(), actions(), seams_.clock, seams_.report) {
    state_.session = config_.session;
    state_.run_dir = config_.run_root + "/" + config_.session;
    state_.boot_id = config_.owner.boot_id;
    saga_.on_progress([this](const StepFacts& f, size_t index, size_t of, StepPhase phase) {
        step_index_ = index;
        seams_.front_end.progress(
            {f.name, way_ == Way::back ? f.undoing : f.doing, phase_name(phase), index, of});
    });
    saga_.before_each([this](const StepFacts& f) {
        state_.began.emplace_back(f.name);
        return Status{};
    });
    saga_.between([this]() -> Status {
        if (seams_.front_end.stopping()) return fail(ErrorCode::L05);
        return {};
    });
}

Session::~Session() = default;

std::map<std::string_view, StepAction> Session::actions() {
    const auto plain = [](auto f) { return [f](BootTime) { return f(); }; };
    // A person is asked, and an earlier session finished, inside of these: choose() and lock() bound anew.
    const auto bounded = [this](auto f) {
        return [this, f](BootTime deadline) {
            bound(deadline);
            Status done = f();
            bound(std::nullopt);
            return done;
        };
    };
    return {
        {step::authenticate,
         {plain([this] { return seams_.authenticator.authenticate(); }),
          [this] { return seams_.authenticator.end(); }}},
        {step::account, {plain([this] { return seams_.authenticator.account(); }), {}}},
        {step::credentials, {plain([this] { return seams_.authenticator.open(); }), {}}},
        {step::locate,
         {[this](BootTime deadline) -> Status {
              auto location =
                  seams_.parts.locate(seams_.authenticator.user().name, deadline - seams_.clock.now());
              if (!location) return fail(location.error());
              mount_options_.location = std::move(*location);
              return {};
          },
          {}}},
        {step::mount,
         {[this](BootTime deadline) { return mount(deadline); },
          [this]() -> Status {
              directory_.reset();
              return {};
          }}},
        {step::choose, {bounded([this] { return choose(); }), {}}},
        {step::check, {bounded([this] { return check(); }), {}}},
        {step::lock, {bounded([this] { return lock(); }), [this] { return release_lock(); }}},
        {step::configure, {bounded([this] { return configure(); }), {}}},
        {step::swap, {plain([this] { return make_swap(); }), [this] { return delete_swap(); }}},
        {step::volume,
         {[this](BootTime deadline) { return start_volume(deadline); }, [this] { return stop_volume(); }}},
        {step::vm, {[this](BootTime deadline) { return start_vm(deadline); }, [this] { return stop_vm(); }}},
        {step::console,
         {plain([this] { return hand_over_console(); }), [this] { return take_console_back(); }}},
    };
}

Status Session::run() {
    // Asked while the user types: the first answer of libvirt and the probe of KVM take long on a machine
    // that has just booted.
    kvm_ = std::async(std::launch::async, [this] { return seams_.hypervisor.kvm_usable(); });
    Status result = saga_.run();
    if (result) result = wait_for_guest();
    if (!result) seams_.front_end.say(MessageStyle::error, result.error().to_user());

    way_ = Way::back;
    seams_.front_end.ignore_cancel();
    Status undone = saga_.unwind();
    if (kvm_.valid()) kvm_.wait();
    if (telling_.valid()) telling_.wait();
    if (!since_.empty()) seams_.tell_provisioner({}, {}, {});
    // Who lost the lock was told so; that it is tidied up later is no news to them.
    if (!undone && writer_end_ != lock::WriterEnd::lost)
        seams_.front_end.say(MessageStyle::error, undone.error().to_user());
    if (undone && move_ && !loss_told_)
        seams_.front_end.say(
            MessageStyle::info,
            fmt::format("Your virtual machine \"{}\" was closed and moves to workstation {}.", state_.vm,
                        shown_host(move_->claim.host)));
    if (volume_) volume_->release();  // it may still have something to write; the sweeper ends it
    if (!unfinished())
        if (Status s = seams_.store.remove(state_.session); !s)
            seams_.report.error("session state not removed", s.error());
    return result ? undone : result;
}

Status Session::save_state() {
    return seams_.store.save(state_);
}

}  // namespace berth::session
