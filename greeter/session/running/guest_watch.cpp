// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/running/guest_watch.h"

#include <poll.h>

#include "greeter/session/time_text.h"

namespace berth::session {
namespace {

/// What the volume engine's state says of the file server, to its user.
std::string_view answers(volume::VolumeState state) {
    return state == volume::VolumeState::silent ? "does not answer" : "answers";
}

class Loop {
  public:
    Loop(const RunningGuest& guest, const WatchTimes& times, const WatchSeams& seams, int volume_fd)
        : guest_(guest), seams_(seams), volume_fd_(volume_fd), watch_(guest.vm, guest.server, times) {}

    GuestWatch run() {
        while (true) {
            seams_.each_round();
            look();
            if (watch_.ended()) return watch_;
            const Duration pause = watch_.take_pause();
            if (pause > Duration::zero()) listen(pause);
            if (watch_.ended()) return watch_;
        }
    }

  private:
    void feed(const WatchEvent& event) {
        if (!alone_ && seams_.front_end.stopping()) {
            alone_ = true;
            feed(watch_event::Alone{});
        }
        const auto effects = watch_.handle(event, seams_.clock.now());
        tell_what_stands();
        for (const auto& effect : effects) std::visit([this](const auto& e) { carry_out(e); }, effect);
    }

    /// Once a second at most while it counts: a look at the domain comes each half.
    void tell_what_stands() {
        auto lines = watch_.standing(seams_.clock.now());
        if (lines == standing_) return;
        standing_ = std::move(lines);
        seams_.front_end.standing(standing_);
    }

    void look() {
        const auto state = guest_.domain.state();
        if (!state) return feed(watch_event::NoAnswer{state.error()});
        const bool gone = *state == guest::DomainState::gone;
        feed(watch_event::Domain{*state, gone && guest_.domain.failed()});
    }

    void listen(Duration pause) {
        std::vector<Watched> watched{{volume_fd_, POLLIN}, {guest_.volume.gone_fd(), POLLIN}};
        if (watch_.console_open()) watched.push_back({guest_.console.get(), POLLRDHUP});
        const Heard heard = seams_.front_end.listen(pause, watched);
        switch (heard.wish) {
            case Wish::none:
                return;
            case Wish::close:
                return feed(watch_event::CloseWanted{});
            case Wish::force_off:
                return feed(watch_event::ForceOffWanted{});
            case Wish::status:
                return feed(watch_event::StatusWanted{});
            case Wish::descriptor:
                return heard_descriptor(heard.fd);
        }
    }

    void heard_descriptor(int fd) {
        if (fd == guest_.volume.gone_fd()) return feed(watch_event::VolumeGone{"its process ended"});
        if (fd == guest_.console.get()) return feed(watch_event::ConsoleClosed{});
        while (!watch_.ended()) {
            auto status = guest_.volume.next_status();
            if (!status) return feed(watch_event::VolumeGone{status.error().to_log()});
            if (!*status) return;
            feed(watch_event::Volume{with_lease_of_now(std::move(**status))});
        }
    }

    /// A status may be read long after it was sent: the lease it tells of is shortened by that time.
    volume::VolumeStatus with_lease_of_now(volume::VolumeStatus sent) {
        if (!sent.claim || watch_.move()) return sent;
        if (auto fresh = guest_.volume.status(); fresh && fresh->claim) {
            sent.claim = fresh->claim;
            sent.lease_left = fresh->lease_left;
        }
        return sent;
    }

    void carry_out(const watch_effect::Tell& e) { seams_.front_end.status(e.text, e.stands); }
    void carry_out(const watch_effect::PressPowerButton&) {
        if (Status s = guest_.domain.press_power_button(); !s) seams_.report.error("power button", s.error());
        feed(watch_event::PowerButtonPressed{});
    }
    void carry_out(const watch_effect::Destroy&) { feed(watch_event::Destroyed{guest_.domain.destroy()}); }
    void carry_out(const watch_effect::Resume&) {
        if (Status s = guest_.domain.resume(); !s) seams_.report.error("resume", s.error());
    }
    void carry_out(const watch_effect::LetGoOfConsole&) { guest_.console.reset(); }
    void carry_out(const watch_effect::TellStatus& e) {
        const auto status = guest_.volume.status();
        seams_.front_end.status(
            fmt::format("\"{}\" of {}: running since {}. The file server {} {}.{}", guest_.vm, guest_.user,
                        time_for_people(guest_.since), guest_.server,
                        status ? answers(status->state) : "may not be reachable", e.more),
            false);
    }
    void carry_out(const watch_effect::Log& e) { seams_.report.event(e.level, e.event, e.fields); }

    const RunningGuest& guest_;
    const WatchSeams& seams_;
    int volume_fd_;
    GuestWatch watch_;
    bool alone_ = false;
    std::vector<std::string> standing_;  ///< As it was told last.
};

}  // namespace

Result<GuestWatch> watch_guest(const RunningGuest& guest, const WatchTimes& times, const WatchSeams& seams) {
    const auto volume_fd = BERTH_TRY(guest.volume.watch_fd());
    return Loop(guest, times, seams, volume_fd).run();
}

}  // namespace berth::session
