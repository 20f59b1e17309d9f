// SPDX-License-Identifier: GPL-3.0-or-later
// The guest's picture straight into the compositor's buffers, for as long as it is all that is on the screen. SpiceDisplay
// draws it through GTK otherwise, which makes a new buffer for each frame and copies the picture three times: half of what
// a viewer spends on a guest that moves. The main loop's thread.
//
// The window's Wayland surface has one content, whoever committed it last: GTK's drawing is kept still meanwhile, and where
// it draws all the same ours follows at once.
#pragma once

#include <spice-client-gtk.h>
#include <wayland-client.h>

#include <memory>
#include <optional>
#include <vector>

#include "greeter/screen/object.h"
#include "greeter/screen/placing.h"

namespace berth::screen {

class DirectPicture {
  public:
    /// `display` is in the window, and fills it. Both outlive this object.
    DirectPicture(SpiceDisplay* display, SpiceChannel* channel);
    ~DirectPicture();
    DirectPicture(const DirectPicture&) = delete;
    DirectPicture& operator=(const DirectPicture&) = delete;

    /// Whether the guest is all that is to be seen: no cover, no words.
    void alone(bool alone);

  private:
    struct Buffer;
    struct DestroyRegion {
        void operator()(cairo_region_t* region) const { cairo_region_destroy(region); }
    };
    using Region = std::unique_ptr<cairo_region_t, DestroyRegion>;

    static void global(void* self, wl_registry* registry, uint32_t name, const char* interface, uint32_t);
    static void invalidated(SpiceChannel*, gint x, gint y, gint width, gint height, gpointer self);
    static void changed(gpointer self);
    static void painted(GdkFrameClock*, gpointer self);
    static void framed(void* self, wl_callback*, uint32_t);

    /// What SpiceDisplay would show of the guest. None: nothing, or what only it can draw.
    std::optional<SpiceDisplayPrimary> source() const;
    bool is_whole(const SpiceDisplayPrimary& primary) const;
    void look();
    void keep_gtk_still(bool still);
    cairo_rectangle_int_t all() const;
    void damage(const cairo_rectangle_int_t& part);
    void draw_soon();
    void draw();
    void paint(Buffer& buffer, const SpiceDisplayPrimary& primary, const Placing& placing);
    void commit(Buffer& buffer);
    Buffer* free_buffer();

    SpiceDisplay* display_;
    Object<SpiceChannel> channel_;
    GtkWidget* window_;
    wl_surface* surface_;
    wl_registry* registry_;
    wl_shm* shm_ = nullptr;
    bool alone_ = false, direct_ = false;
    guint drawing_ = 0;
    wl_callback* frame_ = nullptr;
    Size size_;
    Region fresh_;  ///< Changed since the last commit.
    std::vector<std::unique_ptr<Buffer>> buffers_;
};

}  // namespace berth::screen
