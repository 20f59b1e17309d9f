// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/seat.h"

#include <fcntl.h>

#include <algorithm>

#include "base/fd.h"
#include "greeter/supervisor/boot_facts.h"
#include "greeter/supervisor/guard.h"

namespace berth::supervisor {
namespace {

constexpr int k_screen_terminal = 2;  ///< berth-screen.service's.

}  // namespace

Result<Child> start_seat_guard(const std::string& text_terminal, const ScreenOptions& options, Clock& clock,
                               Report& report) {
    return start_guard([&] {
        const UniqueFd fd(open(text_terminal.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
        KernelVtCalls calls(fd.get());
        VirtualTerminals(calls, clock)
            .force(virtual_terminal_number(text_terminal), k_screen_terminal, report,
                   [&] { kill_seat(options, report); });
    });
}

Seat::Seat(int text_terminal, int fd, const ScreenOptions& options, Clock& clock, Report& report,
           ScreenService::Handle handle)
    : text_terminal_(text_terminal),
      options_(options),
      clock_(clock),
      report_(report),
      handle_(std::move(handle)),
      vt_calls_(fd),
      terminals_(vt_calls_, clock) {}

std::optional<Display> Seat::display() {
    if (text_terminal_ == 0) return std::nullopt;
    auto found = find_display(options_.drm);
    if (!found) return std::nullopt;
    if (!screen_ && !open(*found)) return std::nullopt;
    // Without a keyboard of ours the compositor has none, either, and nobody could press the chord.
    return keyboards_->size() > 0 ? found : std::nullopt;
}

void Seat::look() {
    if (!screen_ && !refused_) (void)display();
    if (cards_.empty()) return;
    const auto now = find_cards(options_.drm);
    const bool all = !now || std::ranges::all_of(cards_, [&](const auto& card) {
        return std::ranges::find(*now, card) != now->end();
    });
    if (all) return;
    cards_.clear();
    handle_(event::ScreenGone{"its display is gone"});
}

bool Seat::open(const Display& found) {
    // What is left on the second terminal is killed first: it may hold a keyboard.
    auto screen = ScreenService::open(options_, clock_, report_, handle_);
    auto keyboards = screen ? Keyboards::open(options_.chords, report_) : fail(screen.error());
    if (!keyboards) {
        if (!std::exchange(refused_, true)) report_.error("guests have no screen here", keyboards.error());
        return false;
    }
    keyboards_.emplace(std::move(*keyboards));
    screen_ = std::move(*screen);
    report_.event(Level::info, "display",
                  {{"connector", found.connector},
                   {"mode", fmt::format("{}x{}", found.mode.width, found.mode.height)}});
    return true;
}

void Seat::bring_to_front(int number) {
    terminals_.force(number, k_screen_terminal, report_, [this] {
        if (screen_) screen_->kill_seat();
    });
}

void Seat::bring_text_to_front() {
    bring_to_front(text_terminal_);
    // Who was in front may have left a key held: an Enter that is repeated for ever would leave the menu at once.
    if (keyboards_) keyboards_->release_clones();
}

void Seat::start_screen() {
    if (!screen_) return;
    bring_to_front(k_screen_terminal);
    cards_ = find_cards(options_.drm).value_or(std::vector<std::string>());
    screen_->start();
}

void Seat::stop_screen() {
    if (!screen_) return;
    cards_.clear();
    bring_text_to_front();
    screen_->stop();
}

void Seat::show_screen() {
    if (screen_) bring_to_front(k_screen_terminal);
}

void Seat::show_text() {
    if (text_terminal_ != 0) bring_text_to_front();
}

void Seat::end() {
    if (!screen_) return;
    bring_text_to_front();
    screen_->end();
}

void Seat::send(const protocol::ToScreen& message) {
    if (screen_) screen_->send(message);
}

void Seat::wait_for(Turn& turn) {
    if (screen_) screen_->wait_for(turn);
    if (keyboards_)
        turn.watch(keyboards_->fd(), POLLIN, [this] {
            if (keyboards_->read()) handle_(event::Attention{});
        });
}

}  // namespace berth::supervisor
