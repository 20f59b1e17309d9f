// SPDX-License-Identifier: GPL-3.0-or-later
// The terminal through ncurses: output only. Keys are read as bytes (keys.h). One per process; one thread.
#pragma once

#include "base/result.h"
#include "greeter/ui-text/layout.h"

namespace berth::ui {

class Screen {
  public:
    /// Terminal on descriptors 0 and 1, described by TERM, else a VT220. G05.
    static Result<Screen> open();
    Screen(Screen&& other) noexcept : open_(std::exchange(other.open_, false)) {}
    Screen& operator=(Screen&&) = delete;
    ~Screen();

    Size size() const;
    /// The terminal's size changed.
    void resized();
    /// `whole`: also what should be there already, for the kernel or a line fault may have written over
    /// it.
    void show(const Picture& picture, bool whole);
    /// From an empty screen.
    void clear();

  private:
    Screen() = default;
    bool open_ = true;
};

}  // namespace berth::ui
