// SPDX-License-Identifier: GPL-3.0-or-later
// One connection to a guest's SPICE server, and the widget that shows its screen. Of what the server offers it takes the
// screen, keys and pointer: no clipboard, no files, no USB. The main loop's thread.
#pragma once

#include <spice-client-gtk.h>

#include <functional>
#include <string>

#include "greeter/screen/viewer_state.h"

namespace berth::screen {

class GuestLink {
  public:
    /// Connects at once. `tell` gets Opened, Closed, Ready and Picture, never from inside of this call, and none after
    /// the destructor. `place` gets the widget when there is one, which the caller puts into a container; its container
    /// loses it with the destructor.
    GuestLink(const std::string& socket, std::function<void(Event)> tell,
              std::function<void(GtkWidget*)> place);
    ~GuestLink();
    GuestLink(const GuestLink&) = delete;
    GuestLink& operator=(const GuestLink&) = delete;

    /// Ctrl+Alt+Del to the guest.
    void send_key();

  private:
    static void channel_new(SpiceSession*, SpiceChannel* channel, gpointer self);
    static void channel_event(SpiceChannel* channel, SpiceChannelEvent event, gpointer self);
    static void display_changed(SpiceChannel*, gpointer self);
    static gboolean tell_closed(gpointer self);

    void add(SpiceChannel* channel);
    void add_display(SpiceChannel* channel);
    void end(SpiceChannel* channel, SpiceChannelEvent event);
    void look();
    void stop_looking();

    std::function<void(Event)> tell_;
    std::function<void(GtkWidget*)> place_;
    SpiceSession* session_ = nullptr;
    SpiceChannel* looked_at_ = nullptr;  ///< The screen's channel, until something is on the screen.
    SpiceInputsChannel* keys_ = nullptr;
    SpiceDisplay* display_ = nullptr;
    bool ready_told_ = false;
    guint closing_ = 0;
    std::string why_;
};

}  // namespace berth::screen
