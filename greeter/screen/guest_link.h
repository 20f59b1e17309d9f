// SPDX-License-Identifier: GPL-3.0-or-later
// One connection to a guest's SPICE server, and the widget that shows its screen. Of what the server offers it takes the
// screen, keys, pointer and sound: no clipboard, no files, no USB. The main loop's thread.
#pragma once

#include <spice-client-gtk.h>

#include <functional>
#include <memory>
#include <string>

#include "base/report.h"
#include "greeter/screen/direct_picture.h"
#include "greeter/screen/object.h"
#include "greeter/screen/sound.h"
#include "greeter/screen/viewer_state.h"

namespace berth::screen {

class GuestLink {
  public:
    /// Connects at once. `tell` gets Opened, Closed, Ready and Picture, never from inside of this call, and none after
    /// the destructor. `place` gets the widget when there is one, which the caller puts into a container; its container
    /// loses it with the destructor.
    GuestLink(const std::string& socket, std::function<void(Event)> tell,
              std::function<void(GtkWidget*)> place, Report& report);
    ~GuestLink();
    GuestLink(const GuestLink&) = delete;
    GuestLink& operator=(const GuestLink&) = delete;

    /// Whether the guest is all that is to be seen on the screen.
    void alone(bool alone);
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
    Report& report_;
    Object<SpiceSession> session_;
    Object<SpiceChannel> looked_at_;  ///< The screen's channel, until something is on the screen.
    Object<SpiceInputsChannel> keys_;
    SpiceDisplay* display_ = nullptr;
    std::unique_ptr<DirectPicture> picture_;
    bool alone_ = false;
    std::unique_ptr<Sound> sound_;
    bool ready_told_ = false;
    guint closing_ = 0;
    std::string why_;
};

}  // namespace berth::screen
