// SPDX-License-Identifier: GPL-3.0-or-later
// What a session does while its guest runs, as a pure state machine: events in, effects out, no call of the
// system. It tells the user what libvirt, the volume engine and another workstation do, lets a guest that
// stopped at a failed request continue, climbs the stop ladder (stop_ladder.h), and says when and how it is over.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "base/result.h"
#include "greeter/session/running/move.h"
#include "greeter/session/running/stop_ladder.h"
#include "guest/hypervisor.h"
#include "volume/api/volume_process.h"

namespace berth::session {

namespace watch_event {
/// A look at the domain; `failed` of one that is gone.
struct Domain {
    guest::DomainState state;
    bool failed = false;
};
/// A look that libvirt did not answer.
struct NoAnswer {
    Error why;
};
/// A status of the volume engine. One with a claim says what is left of the lease now.
struct Volume {
    volume::VolumeStatus status;
};
/// Its process, or the connection that says how it is, is gone.
struct VolumeGone {
    std::string why;
};
/// The guest's end of it; QEMU closes it when it ends.
struct ConsoleClosed {};
/// Nobody is at the screen any more, for good: the greeter is gone, or the session has to end.
struct Alone {};
struct CloseWanted {};
struct ForceOffWanted {};
struct StatusWanted {};
/// Effect PressPowerButton was carried out, which libvirt may take long for.
struct PowerButtonPressed {};
/// What came of effect Destroy.
struct Destroyed {
    Status result;
};
}  // namespace watch_event
using WatchEvent =
    std::variant<watch_event::Domain, watch_event::NoAnswer, watch_event::Volume, watch_event::VolumeGone,
                 watch_event::ConsoleClosed, watch_event::Alone, watch_event::CloseWanted,
                 watch_event::ForceOffWanted, watch_event::StatusWanted, watch_event::PowerButtonPressed,
                 watch_event::Destroyed>;

namespace watch_effect {
/// An effect without data.
struct Plain {
    bool operator==(const Plain&) const = default;
};
/// A line over the guest's console.
struct Tell {
    std::string text;
    bool stands = false;  ///< standing() says it, too, for as long as it is true.
    bool operator==(const Tell&) const = default;
};
/// Answered by event PowerButtonPressed.
struct PressPowerButton : Plain {};
/// Answered by event Destroyed.
struct Destroy : Plain {};
struct Resume : Plain {};
struct LetGoOfConsole : Plain {};
/// The answer to StatusWanted; `more` goes behind what the volume engine says.
struct TellStatus {
    std::string more;
    bool operator==(const TellStatus&) const = default;
};
struct Log {
    Level level;
    std::string event;
    Fields fields;
    bool operator==(const Log&) const = default;
};
}  // namespace watch_effect
using WatchEffect = std::variant<watch_effect::Tell, watch_effect::PressPowerButton, watch_effect::Destroy,
                                 watch_effect::Resume, watch_effect::LetGoOfConsole, watch_effect::TellStatus,
                                 watch_effect::Log>;
using WatchEffects = std::vector<WatchEffect>;

struct WatchTimes {
    Duration power_button = std::chrono::seconds(60);  ///< From the ACPI power button to destroying the VM.
    Duration poll = std::chrono::milliseconds(500);    ///< Between two looks at a quiet domain.
    Duration unanswered =
        std::chrono::seconds(30);  ///< Without a word of libvirt while the guest should end.
    Duration refused =
        std::chrono::seconds(5);  ///< Between two tries of a request that the file server refuses.
};

class GuestWatch {
  public:
    /// Names of the VM and of its file server, for texts.
    GuestWatch(std::string vm, std::string server, WatchTimes times);

    /// Nothing is done any more once it has ended.
    WatchEffects handle(const WatchEvent& event, BootTime now);
    /// How long to listen before the next look; zero: look at once. Each call begins a new wait.
    Duration take_pause();

    /// How it is over: H10 the guest's QEMU ended; V30 the volume engine did; K05, K33 the lock is another's;
    /// or an error of libvirt.
    const std::optional<Status>& ended() const { return ended_; }
    /// The claim of another workstation, once there was one.
    const std::optional<Move>& move() const { return move_; }
    /// The guest still has its console, and somebody reads it.
    bool console_open() const { return console_open_; }
    /// It ended with K33: the user is told what the move cost.
    bool tells_loss() const { return tells_loss_; }
    /// What is true now and has to be seen for as long as it is, most urgent first. Seconds in it count down.
    std::vector<std::string> standing(BootTime now) const;

  private:
    void on(const watch_event::Domain&);
    void on(const watch_event::NoAnswer&);
    void on(const watch_event::Volume&);
    void on(const watch_event::VolumeGone&);
    void on(const watch_event::ConsoleClosed&);
    void on(const watch_event::Alone&) { alone_ = true; }
    void on(const watch_event::CloseWanted&);
    void on(const watch_event::ForceOffWanted&) { destroy(); }
    void on(const watch_event::StatusWanted&);
    void on(const watch_event::PowerButtonPressed&);
    void on(const watch_event::Destroyed&);

    void do_now(WatchEffect effect) { out_.push_back(std::move(effect)); }
    void tell(std::string text) { do_now(watch_effect::Tell{std::move(text)}); }
    /// standing() has it from now on.
    void tell_standing(std::string text) { do_now(watch_effect::Tell{std::move(text), true}); }
    std::string silent_text() const;
    std::string refusal_text() const;
    void destroy();
    void notice_claim(const volume::VolumeStatus& status);
    void continue_stopped(guest::DomainState state);
    void close_for_move();
    void climb(std::optional<guest::DomainState> state);

    std::string vm_, server_;
    WatchTimes times_;
    StopLadder ladder_;
    volume::VolumeState volume_ = volume::VolumeState::running;
    std::optional<Move> move_;
    std::optional<BootTime> resumed_at_, unanswered_since_;
    bool refusal_told_ = false, crash_told_ = false, crashed_ = false;
    bool first_press_ = false;  ///< The user's first wish to close waits for PowerButtonPressed.
    bool console_open_ = true, alone_ = false, tells_loss_ = false;
    Duration pause_;
    std::optional<Status> ended_;

    BootTime now_;
    WatchEffects out_;
};

}  // namespace berth::session
