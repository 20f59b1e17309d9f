// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/session.h"

#include "greeter/session/running/guest_watch.h"

namespace berth::session {

Session::Session(SessionConfig config, SessionSeams seams)
    : context_(std::move(config), std::move(seams)),
      steps_(context_),
      saga_(SessionSteps::facts(), steps_.actions(), context_.seams.clock, context_.seams.report) {
    saga_.on_progress([this](const StepFacts& step, size_t index, size_t of, StepPhase phase) {
        context_.enter(step, index, of, phase);
    });
    saga_.before_each([this](const StepFacts& step) {
        context_.record.began.emplace_back(step.name);
        return Status{};
    });
    saga_.between(
        [this]() -> Status { return context_.seams.front_end.stopping() ? fail(ErrorCode::L05) : Status{}; });
}

Status Session::run() {
    FrontEnd& front_end = context_.seams.front_end;
    Status result = saga_.run();
    if (result) result = watch(steps_.result());
    if (!result) front_end.say(MessageStyle::error, result.error().to_user());

    context_.going_back = true;
    front_end.ignore_cancel();
    const Status undone = go_back();
    return result ? undone : result;
}

Status Session::go_back() {
    const SessionSeams& seams = context_.seams;
    Status undone = saga_.unwind();
    if (telling_.valid()) {
        telling_.wait();
        seams.tell_provisioner({}, {}, {});
    }
    // Who lost the lock was told so; that it is tidied up later is not news to them.
    if (!undone && context_.in_flight.writer_end != lock::WriterEnd::lost)
        context_.tell_failed_undo(undone.error());
    if (undone && context_.move && !context_.loss_told)
        seams.front_end.say(MessageStyle::info,
                            fmt::format("Your virtual machine \"{}\" was closed and moves to workstation {}.",
                                        context_.record.vm, shown_host(context_.move->claim.host)));
    if (!unfinished())
        if (Status s = seams.store.remove(context_.record.session); !s)
            seams.report.error("session state not removed", s.error());
    return undone;
}

Status Session::watch(Running& running) {
    const SessionSeams& seams = context_.seams;
    const RunningGuest guest{.domain = *running.guest->domain,
                             .volume = *running.volume,
                             .console = *running.console,
                             .vm = running.vm,
                             .user = running.user.name,
                             .server = running.files->server(),
                             .since = running.since};
    const auto watch =
        watch_guest(guest, context_.config.times.watch,
                    {seams.clock, seams.report, seams.front_end, [&] { tell_running(running); }});
    if (!watch) return fail(watch.error());
    context_.move = watch->move();
    context_.loss_told = watch->tells_loss();
    return *watch->ended();
}

void Session::tell_running(const Running& running) {
    const SessionSeams& seams = context_.seams;
    if (seams.clock.now() < next_tell_) return;
    if (telling_.valid()) telling_.wait();  // long done: a request is bounded, and this is minutes later
    next_tell_ = seams.clock.now() + context_.config.times.tell;
    telling_ =
        std::async(std::launch::async, seams.tell_provisioner, running.user.name, running.vm, running.since);
}

}  // namespace berth::session
