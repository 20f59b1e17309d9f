// SPDX-License-Identifier: GPL-3.0-or-later
// The workstation's display and keyboards, where it has them: which virtual terminal is in front, the guest's screen on
// the second, and the chord. One thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "base/spawn.h"
#include "greeter/supervisor/display.h"
#include "greeter/supervisor/keyboards.h"
#include "greeter/supervisor/screen_service.h"
#include "greeter/supervisor/turn.h"
#include "greeter/supervisor/virtual_terminals.h"

namespace berth::supervisor {

/// Forks what brings the text screen to the front as soon as this program has died (guard.h), whatever is there.
/// `text_terminal`: the path of a virtual terminal.
Result<Child> start_seat_guard(const std::string& text_terminal, const ScreenOptions& options, Clock& clock,
                               Report& report);

class Seat {
  public:
    /// `text_terminal`: the number of the text screen's virtual terminal, and `fd` opened on it; 0: the text screen is
    /// none, and there is no display.
    Seat(int text_terminal, int fd, const ScreenOptions& options, Clock& clock, Report& report,
         ScreenService::Handle handle);

    /// Where a guest can be shown: a monitor, and keyboards whose chord brings its user back. Looked for each time, for
    /// a monitor comes and goes.
    std::optional<Display> display();
    /// From time to time: takes the keyboards as soon as there is a display, which at boot may come after us; and says
    /// that the guest's screen is gone when one of the cards is that were there when it began. The compositor goes on
    /// without its card, sees nothing of its driver's return, and answers.
    void look();

    /// The chord to tell a user of; empty: keyboards are not read here.
    std::string chord() const { return keyboards_ ? format_chord(options_.chords.front()) : ""; }

    // These do nothing where there never was a display.
    void start_screen();
    void stop_screen();
    void show_screen();
    /// Before this program ends: nothing is left on the second terminal. Takes a moment.
    void end();
    void send(const protocol::ToScreen& message);

    /// Does nothing only where there is no virtual terminal.
    void show_text();
    void wait_for(Turn& turn);

  private:
    bool open(const Display& found);
    void bring_to_front(int number);
    void bring_text_to_front();

    const int text_terminal_;
    const ScreenOptions options_;
    Clock& clock_;
    Report& report_;
    ScreenService::Handle handle_;
    KernelVtCalls vt_calls_;
    VirtualTerminals terminals_;
    bool refused_ = false;  ///< There was a display, and no way to show a guest there.
    std::unique_ptr<ScreenService> screen_;
    std::optional<Keyboards> keyboards_;  ///< With it.
    std::vector<std::string> cards_;      ///< From start_screen() to stop_screen().
};

}  // namespace berth::supervisor
