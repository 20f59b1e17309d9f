// SPDX-License-Identifier: GPL-3.0-or-later
// The one window: the guest's screen, over it a dark cover with a text until the guest has something to show, over all a
// line of Berth's words. Needs no theme, icon or setting from outside. The main loop's thread.
#pragma once

#include <gtk/gtk.h>

#include <functional>
#include <string>

#include "base/result.h"
#include "greeter/screen/viewer_state.h"

namespace berth::screen {

class Window {
  public:
    /// Fails without a Wayland compositor.
    static Result<Window> open();

    void show(const effect::Show& what);
    /// The guest's screen, beneath the rest. It leaves the window when it is destroyed.
    void place(GtkWidget* guest);
    /// `then` is called once what was asked for has been drawn and the compositor has it. Drawing is not waited for for ever:
    /// a compositor whose virtual terminal is not in front asks for no picture.
    void when_drawn(std::function<void()> then);

  private:
    Window() = default;

    GtkWidget* window_ = nullptr;
    GtkWidget* overlay_ = nullptr;
    GtkWidget* cover_ = nullptr;
    GtkWidget* centre_ = nullptr;
    GtkWidget* words_ = nullptr;
};

/// `then` is called once the compositor has answered; never while it hangs.
void ask_compositor(std::function<void()> then);

}  // namespace berth::screen
