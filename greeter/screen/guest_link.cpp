// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/screen/guest_link.h"

#include <ranges>

#include "base/no_throw.h"
#include "greeter/screen/one_colour.h"

namespace berth::screen {
namespace {

/// What a channel's end was, for a log.
std::string text_of(SpiceChannel* channel, SpiceChannelEvent event) {
    if (const GError* error = spice_channel_get_error(channel)) return error->message;
    switch (event) {
        case SPICE_CHANNEL_CLOSED:
            return "the guest closed the connection";
        case SPICE_CHANNEL_ERROR_CONNECT:
            return "no connection";
        case SPICE_CHANNEL_ERROR_LINK:
            return "no SPICE server";
        case SPICE_CHANNEL_ERROR_AUTH:
            return "refused";
        default:
            return "the connection broke";
    }
}

}  // namespace

GuestLink::GuestLink(const std::string& socket, std::function<void(Event)> tell,
                     std::function<void(GtkWidget*)> place, Report& report)
    : tell_(std::move(tell)), place_(std::move(place)), report_(report), session_(spice_session_new()) {
    g_object_set(session_.get(), "unix-path", socket.c_str(), "enable-usbredir", FALSE, "enable-smartcard",
                 FALSE, nullptr);
    g_object_set(spice_gtk_session_get(session_.get()), "auto-clipboard", FALSE, "auto-usbredir", FALSE,
                 nullptr);
    g_signal_connect(session_.get(), "channel-new", G_CALLBACK(channel_new), this);
    spice_session_connect(session_.get());
}

GuestLink::~GuestLink() {
    if (closing_ != 0) g_source_remove(closing_);
    stop_looking();
    sound_.reset();
    picture_.reset();
    g_signal_handlers_disconnect_by_data(session_.get(), this);
    GList* channels = spice_session_get_channels(session_.get());
    for (GList* at = channels; at != nullptr; at = at->next)
        g_signal_handlers_disconnect_by_data(at->data, this);
    g_list_free(channels);
    if (display_ != nullptr) gtk_widget_destroy(GTK_WIDGET(display_));
    spice_session_disconnect(session_.get());
}

void GuestLink::channel_new(SpiceSession*, SpiceChannel* channel, gpointer self) {
    no_throw("channel-new", [&] { static_cast<GuestLink*>(self)->add(channel); });
}

void GuestLink::channel_event(SpiceChannel* channel, SpiceChannelEvent event, gpointer self) {
    no_throw("channel-event", [&] {
        auto& link = *static_cast<GuestLink*>(self);
        if (event != SPICE_CHANNEL_OPENED && event != SPICE_CHANNEL_SWITCHING) link.end(channel, event);
        if (event == SPICE_CHANNEL_OPENED && SPICE_IS_MAIN_CHANNEL(channel)) link.tell_(event::Opened{});
    });
}

void GuestLink::display_changed(SpiceChannel*, gpointer self) {
    no_throw("display", [&] { static_cast<GuestLink*>(self)->look(); });
}

void GuestLink::add(SpiceChannel* channel) {
    int id = 0;
    g_object_get(channel, "channel-id", &id, nullptr);
    if (SPICE_IS_MAIN_CHANNEL(channel))
        g_signal_connect(channel, "channel-event", G_CALLBACK(channel_event), this);
    if (SPICE_IS_PLAYBACK_CHANNEL(channel) && !sound_) sound_ = std::make_unique<Sound>(channel, report_);
    if (SPICE_IS_INPUTS_CHANNEL(channel)) keys_ = keep(SPICE_INPUTS_CHANNEL(channel));
    if (SPICE_IS_DISPLAY_CHANNEL(channel) && id == 0 && display_ == nullptr) add_display(channel);
}

void GuestLink::add_display(SpiceChannel* channel) {
    looked_at_ = keep(channel);
    g_signal_connect(channel, "channel-event", G_CALLBACK(channel_event), this);
    // Swapped: whatever they tell, the channel is looked at anew.
    for (const char* name : {"display-primary-create", "display-mark", "display-invalidate"})
        g_signal_connect_swapped(channel, name,
                                 G_CALLBACK(+[](gpointer self) { display_changed(nullptr, self); }), this);
    display_ = spice_display_new(session_.get(), 0);
    // A grab of the pointer asks the compositor to lock it, which cage cannot, and SpiceDisplay crashes where a compositor cannot. So
    // the pointer is for guests that use their tablet.
    g_object_set(display_, "scaling", TRUE, "only-downscale", FALSE, "resize-guest", TRUE, "grab-keyboard",
                 FALSE, "grab-mouse", FALSE, nullptr);
    // At the end of a grab's keys (Ctrl+Alt) SpiceDisplay lets go of all that are held, Shift among them, for the guest.
    SpiceGrabSequence* none = spice_grab_sequence_new(0, nullptr);
    spice_display_set_grab_keys(display_, none);
    spice_grab_sequence_free(none);
    // A file that is dropped would be sent to the guest.
    gtk_drag_dest_unset(GTK_WIDGET(display_));
    place_(GTK_WIDGET(display_));
    picture_ = std::make_unique<DirectPicture>(display_, channel);
    picture_->alone(alone_);
    spice_channel_connect(channel);
}

/// Told later: it ends in this object's destructor, which a signal of its own channels must not call.
void GuestLink::end(SpiceChannel* channel, SpiceChannelEvent event) {
    if (closing_ != 0) return;
    why_ = text_of(channel, event);
    closing_ = g_idle_add(tell_closed, this);
}

gboolean GuestLink::tell_closed(gpointer self) {
    auto& link = *static_cast<GuestLink*>(self);
    link.closing_ = 0;
    const auto tell = link.tell_;
    no_throw("closed", [&] { tell(event::Closed{link.why_}); });
    return G_SOURCE_REMOVE;
}

void GuestLink::look() {
    SpiceDisplayPrimary primary{};
    if (!looked_at_ || !spice_display_channel_get_primary(looked_at_.get(), 0, &primary) || !primary.marked ||
        primary.data == nullptr || primary.width <= 0 || primary.height <= 0)
        return;
    if (!std::exchange(ready_told_, true)) tell_(event::Ready{});
    const bool wide =
        primary.format == SPICE_SURFACE_FMT_32_xRGB || primary.format == SPICE_SURFACE_FMT_32_ARGB;
    if (is_one_colour({.data = primary.data,
                       .width = static_cast<size_t>(primary.width),
                       .height = static_cast<size_t>(primary.height),
                       .stride = static_cast<size_t>(primary.stride),
                       .bytes = wide ? 4U : 2U}))
        return;
    stop_looking();
    tell_(event::Picture{});
}

void GuestLink::stop_looking() {
    if (!looked_at_) return;
    g_signal_handlers_disconnect_by_data(looked_at_.get(), this);
    g_signal_connect(looked_at_.get(), "channel-event", G_CALLBACK(channel_event), this);
    looked_at_.reset();
}

void GuestLink::alone(bool alone) {
    alone_ = alone;
    if (picture_) picture_->alone(alone);
}

void GuestLink::send_key() {
    if (!keys_) return;
    // By where the keys are, not by what they mean: a layout may have no such key.
    constexpr guint k_chord[] = {0x1d, 0x38, 0x153};
    for (const guint key : k_chord) spice_inputs_channel_key_press(keys_.get(), key);
    for (const guint key : std::views::reverse(k_chord)) spice_inputs_channel_key_release(keys_.get(), key);
}

}  // namespace berth::screen
