// SPDX-License-Identifier: GPL-3.0-or-later
// VT 2 and what runs there: compositor and viewer, which are a unit of systemd's (berth-screen.service) and not our
// children, so that they have a sandbox and a control group of their own. The viewer calls at a socket of ours. One thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/message.h"
#include "base/report.h"
#include "base/spawn.h"
#include "greeter/site/chord.h"
#include "greeter/supervisor/message_rate.h"
#include "greeter/supervisor/outbox.h"
#include "greeter/supervisor/supervisor_state.h"
#include "greeter/supervisor/turn.h"

namespace berth::supervisor {

struct ScreenOptions {
    std::string drm = "/sys/class/drm";            ///< Whether there is a display.
    std::vector<Chord> chords = default_chords();  ///< At least one.
    std::string socket = "/run/berth/screen.sock";
    std::string user = "_berth-screen";  ///< Nobody else is listened to.
    std::string unit = "berth-screen.service", seat_unit = "berth-seat.service";
    std::string seat_socket = "/run/berth-seat/seatd.sock";
    std::string systemctl = "/usr/bin/systemctl";
    std::string control_groups = "/sys/fs/cgroup/system.slice";  ///< The units' are in there.
};

/// What holds VT 2 does not let go of it: it is killed, and the compositor with it.
void kill_seat(const ScreenOptions& options, Report& report);

class ScreenService {
  public:
    using Handle = std::function<void(Event)>;

    /// Makes the socket. G05 when there is no such user.
    static Result<std::unique_ptr<ScreenService>> open(const ScreenOptions& options, Clock& clock,
                                                       Report& report, Handle handle);

    void start();
    void stop();
    /// Before this program ends.
    void end();
    void send(const protocol::ToScreen& message);
    void kill_seat() { supervisor::kill_seat(options_, report_); }

    void wait_for(Turn& turn);

  private:
    ScreenService(const ScreenOptions& options, Clock& clock, Report& report, Handle handle,
                  UniqueFd listener, uid_t uid)
        : options_(options),
          clock_(clock),
          report_(report),
          handle_(std::move(handle)),
          listener_(std::move(listener)),
          viewer_uid_(uid) {}

    SpawnOptions systemctl(std::vector<std::string> arguments) const;
    void queue(std::vector<std::string> arguments);
    void run_next();
    void accept_viewer();
    void read_viewer();
    void lose(const std::string& why);

    const ScreenOptions options_;
    Clock& clock_;
    Report& report_;
    Handle handle_;
    UniqueFd listener_;
    uid_t viewer_uid_;
    std::optional<MessageSocket> viewer_;
    Outbox outbox_;
    /// systemctl's calls, one after the other; starting one takes a moment that nobody waits for.
    std::deque<std::vector<std::string>> commands_;
    Child command_;
    Child unit_;  ///< "start --wait".
    bool wanted_ = false;
    MessageRate rate_;
};

}  // namespace berth::supervisor
