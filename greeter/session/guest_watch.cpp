// SPDX-License-Identifier: GPL-3.0-or-later
// While the guest runs, and its end: the stop ladder is ACPI power button, wait, destroy (DESIGN). Only
// libvirt's word that the domain is gone counts; a guest's reboot is none of our business.
#include <poll.h>

#include <utility>

#include "greeter/session/session.h"

namespace berth::session {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// What the volume engine's state says of the file server, to its user.
std::string_view answers(volume::VolumeState state) {
    return state == volume::VolumeState::silent ? "does not answer" : "answers";
}

}  // namespace

bool Session::notice_claim(const volume::VolumeStatus& status) {
    if (!status.claim || move_) return false;
    // What was sent to us may have lain a while; what is left is what is left now.
    const auto fresh = volume_->status();
    const volume::VolumeStatus& now = fresh && fresh->claim ? *fresh : status;
    move_ = Move{*now.claim, plan_move(seams_.clock.now(), now.lease_left, config_.times.power_button)};
    seams_.report.event(Level::info, "another workstation asks for the VM",
                        {{"host", move_->claim.host}, {"vm", state_.vm}});
    return true;
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
    const std::string& server = mount_options_.location.server;
    auto watch = volume_->watch_fd();
    if (!watch) return fail(watch.error());

    volume::VolumeState volume_state = volume::VolumeState::running;
    std::optional<BootTime> destroy_at;
    std::optional<BootTime> resumed_at;
    std::optional<BootTime> unanswered_since;
    bool refusal_told = false;
    bool crash_told = false;
    bool console_open = true;
    Duration pause = config_.times.poll;
    while (true) {
        tell_running();
        const auto domain_state = domain_->state();
        if (domain_state && *domain_state == guest::DomainState::gone)
            return domain_->failed() ? fail(ErrorCode::H10, "{}", state_.vm) : Status{};
        // The guest runs without libvirt. But whether it has ended, and to end it, only libvirt can say; when
        // that is wanted and stays without an answer the sweeper goes on.
        if (!domain_state && !unanswered_since) {
            unanswered_since = seams_.clock.now();
            seams_.report.error("libvirt does not tell the VM's state", domain_state.error());
            seams_.front_end.status(Error(ErrorCode::H02).to_user());
        } else if (!domain_state && (destroy_at || !console_open) &&
                   seams_.clock.now() - *unanswered_since >= config_.times.unanswered) {
            return fail(domain_state.error());
        } else if (domain_state && unanswered_since) {
            unanswered_since.reset();
            seams_.front_end.status("The virtual machine service answers again.");
        }
        // It cannot shut down any more, and what it held in memory is lost.
        if (domain_state && *domain_state == guest::DomainState::crashed) {
            if (!std::exchange(crash_told, true)) {
                seams_.report.event(Level::warning, "the guest crashed", {{"vm", state_.vm}});
                seams_.front_end.status(Error(ErrorCode::H09).to_user());
            }
            if (destroy_at) {
                BERTH_TRY(domain_->destroy());
                continue;
            }
        }
        // QEMU stopped the guest at a failed request (werror=stop); the request is repeated when it goes on.
        if (domain_state && *domain_state == guest::DomainState::paused_io_error &&
            (volume_state == volume::VolumeState::running || volume_state == volume::VolumeState::claimed)) {
            const BootTime now = seams_.clock.now();
            // Stopped again right away: the server answers, and refuses (full, quota). What the guest wanted
            // to write is kept in QEMU.
            const bool refused = resumed_at && now - *resumed_at < config_.times.refused;
            if (refused && !std::exchange(refusal_told, true))
                seams_.front_end.status(
                    fmt::format("The file server {} refuses your virtual machine's changes; is it full? Your "
                                "virtual machine waits and tries again automatically.",
                                server));
            if (!refused) {
                if (Status s = domain_->resume(); !s) seams_.report.error("resume", s.error());
                resumed_at = now;
            }
        } else if (refusal_told && domain_state && *domain_state == guest::DomainState::running &&
                   resumed_at && seams_.clock.now() - *resumed_at >= config_.times.refused) {
            seams_.front_end.status(
                fmt::format("The file server {} takes your virtual machine's changes again.", server));
            refusal_told = false;
        }
        if (move_ && (!destroy_at || *destroy_at > move_->plan.switch_off)) {
            if (destroy_at) {  // it is closing already, and has less time now
                destroy_at = move_->plan.switch_off;
            } else if (seams_.clock.now() >= move_->plan.press_button) {
                seams_.front_end.status(closing_text(move_->claim, move_->plan, seams_.clock.now()));
                if (Status s = domain_->press_power_button(); !s)
                    seams_.report.error("power button", s.error());
                destroy_at = move_->plan.switch_off;
            }
        }
        // A guest cannot close while the file server is silent; what it holds would be lost. The user may
        // still force it, and nobody else waits long: with the greeter gone the time runs on.
        if (destroy_at && volume_state == volume::VolumeState::silent && !seams_.front_end.stopping())
            destroy_at = seams_.clock.now() + config_.times.power_button;
        if (destroy_at && seams_.clock.now() >= *destroy_at) {
            seams_.front_end.status("Your virtual machine did not shut down in time and is switched off.");
            BERTH_TRY(domain_->destroy());
            continue;
        }

        std::vector<Watched> watched{{*watch, POLLIN}, {volume_->gone_fd(), POLLIN}};
        if (console_open) watched.push_back({console_.get(), POLLRDHUP});
        const Heard heard = seams_.front_end.listen(pause, watched);
        pause = config_.times.poll;
        switch (heard.wish) {
            case Wish::none:
                break;
            case Wish::close:
                seams_.front_end.status("Asking your virtual machine to shut down.");
                if (seams_.front_end.stopping()) {
                    // With the greeter gone nobody reads the console: a guest that writes to it would never
                    // get through its closing.
                    console_.reset();
                    console_open = false;
                }
                if (Status s = domain_->press_power_button(); !s)
                    seams_.report.error("power button", s.error());
                if (!destroy_at) destroy_at = seams_.clock.now() + config_.times.power_button;
                break;
            case Wish::force_off:
                BERTH_TRY(domain_->destroy());
                break;
            case Wish::status: {
                auto status = volume_->status();
                seams_.front_end.status(fmt::format(
                    "\"{}\" of {}: running since {}. The file server {} {}.{}", state_.vm, state_.user,
                    time_for_people(since_), server, status ? answers(status->state) : "may not be reachable",
                    move_ ? " " + closing_text(move_->claim, move_->plan, seams_.clock.now()) : ""));
                break;
            }
            case Wish::descriptor:
                if (heard.fd == volume_->gone_fd()) {
                    (void)domain_->destroy();
                    return fail(ErrorCode::V30);
                }
                if (heard.fd == console_.get()) {
                    // QEMU closes it when it ends; libvirt says so a moment later.
                    console_open = false;
                    pause = milliseconds(20);
                    break;
                }
                while (true) {
                    auto status = volume_->next_status();
                    if (!status) {
                        seams_.report.error("berth-volume's watch ended", status.error());
                        (void)domain_->destroy();
                        return fail(ErrorCode::V30);
                    }
                    if (!*status) break;
                    if (notice_claim(**status) && (*status)->state == volume::VolumeState::claimed)
                        seams_.front_end.status(claimed_text(move_->claim, move_->plan, seams_.clock.now()));
                    const auto now = (*status)->state;
                    if (now == volume_state) continue;
                    seams_.report.event(Level::info, "volume",
                                        {{"state", std::string(volume::volume_state_name(now))}});
                    if (now == volume::VolumeState::silent)
                        seams_.front_end.status(
                            fmt::format("The file server {} is not answering. Your virtual machine waits and "
                                        "continues automatically.",
                                        server));
                    else if (now == volume::VolumeState::running &&
                             volume_state == volume::VolumeState::silent)
                        seams_.front_end.status(fmt::format("The file server {} answers again.", server));
                    else if (now == volume::VolumeState::lost) {
                        seams_.front_end.status("Another workstation has taken your virtual machine over.");
                        BERTH_TRY(domain_->destroy());
                        volume_state = now;
                        if (!move_) return fail(ErrorCode::K05);
                        loss_told_ = true;
                        return fail(ErrorCode::K33, "the end of \"{}\"", state_.vm);
                    }
                    volume_state = now;
                }
                break;
        }
    }
}

Status Session::stop_vm() {
    if (domain_) {
        auto state = domain_->state();
        const bool may_close =
            !state || (*state != guest::DomainState::gone && *state != guest::DomainState::crashed);
        // A guest that never ran has nothing to close.
        if (may_close && guest_ran_ && domain_->press_power_button()) {
            BootTime destroy_at = seams_.clock.now() + config_.times.power_button;
            while (seams_.clock.now() < destroy_at) {
                if (auto status = volume_ && !move_ ? volume_->status() : fail(ErrorCode::V05); status)
                    notice_claim(*status);
                if (move_) destroy_at = std::min(destroy_at, move_->plan.switch_off);
                state = domain_->state();
                if (state && *state == guest::DomainState::gone) break;
                if (seams_.front_end.listen(milliseconds(250), {}).wish == Wish::force_off) break;
            }
        }
        if (!state || *state != guest::DomainState::gone) {
            if (Status s = domain_->destroy(); !s) return fail(Error(ErrorCode::H30, s.error().to_log()));
        }
        domain_.reset();
    }
    return put_firmware_state_back();
}

}  // namespace berth::session
