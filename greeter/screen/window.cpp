// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/screen/window.h"

#include <gdk/gdkwayland.h>
#include <wayland-client.h>

#include <memory>

#include "base/no_throw.h"
#include "base/plain_text.h"

namespace berth::screen {
namespace {

constexpr size_t k_longest_text = 2000;
/// For a picture that the compositor does not ask for.
constexpr guint k_drawing_ms = 500;

constexpr const char* k_style = R"(
window, .cover { background: #10151a; }
.centre { color: #d0d4d8; font: 20px "DejaVu Sans", sans-serif; }
.words { color: #ffffff; background: rgba(0, 0, 0, 0.85); font: 18px "DejaVu Sans", sans-serif;
         padding: 10px 24px; border-radius: 0 0 8px 8px; }
)";

GtkWidget* add_label(const char* style) {
    GtkWidget* label = gtk_label_new(nullptr);
    gtk_style_context_add_class(gtk_widget_get_style_context(label), style);
    gtk_label_set_line_wrap(GTK_LABEL(label), TRUE);
    gtk_label_set_line_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
    gtk_label_set_justify(GTK_LABEL(label), GTK_JUSTIFY_CENTER);
    gtk_label_set_max_width_chars(GTK_LABEL(label), 100);
    gtk_widget_set_halign(label, GTK_ALIGN_CENTER);
    return label;
}

void set_text(GtkWidget* label, const std::string& text) {
    gtk_label_set_text(GTK_LABEL(label), printable(text, k_longest_text, Newlines::kept).c_str());
    gtk_widget_set_visible(label, text.empty() ? FALSE : TRUE);
}

void hide_pointer(GtkWidget* widget, gpointer) {
    GdkCursor* none = gdk_cursor_new_for_display(gdk_display_get_default(), GDK_BLANK_CURSOR);
    gdk_window_set_cursor(gtk_widget_get_window(widget), none);
    g_object_unref(none);
}

/// Waits for the end of one drawing.
struct Drawing {
    std::function<void()> then;
    GdkFrameClock* clock;
    gulong painted = 0;
    guint too_long = 0;
};

void drawn(Drawing* drawing) {
    const std::unique_ptr<Drawing> owned(drawing);
    g_signal_handler_disconnect(drawing->clock, drawing->painted);
    g_object_unref(drawing->clock);
    no_throw("drawn", [&] { ask_compositor(std::move(drawing->then)); });
}

}  // namespace

Result<Window> Window::open() {
    // Nothing of a desktop is there to be asked.
    g_setenv("NO_AT_BRIDGE", "1", TRUE);
    g_setenv("GSETTINGS_BACKEND", "memory", TRUE);
    g_setenv("GIO_USE_VFS", "local", TRUE);
    gdk_set_allowed_backends("wayland");
    if (!gtk_init_check(nullptr, nullptr)) return fail(ErrorCode::G04, "no Wayland compositor");
    g_object_set(gtk_settings_get_default(), "gtk-enable-animations", FALSE, nullptr);
    GtkCssProvider* css = gtk_css_provider_new();
    gtk_css_provider_load_from_data(css, k_style, -1, nullptr);
    gtk_style_context_add_provider_for_screen(gdk_screen_get_default(), GTK_STYLE_PROVIDER(css),
                                              GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
    g_object_unref(css);

    Window made;
    made.window_ = gtk_window_new(GTK_WINDOW_TOPLEVEL);
    made.overlay_ = gtk_overlay_new();
    made.cover_ = gtk_event_box_new();
    made.centre_ = add_label("centre");
    made.words_ = add_label("words");
    gtk_style_context_add_class(gtk_widget_get_style_context(made.cover_), "cover");
    gtk_widget_set_valign(made.centre_, GTK_ALIGN_CENTER);
    gtk_widget_set_valign(made.words_, GTK_ALIGN_START);
    gtk_container_add(GTK_CONTAINER(made.cover_), made.centre_);
    auto* overlay = GTK_OVERLAY(made.overlay_);
    gtk_overlay_add_overlay(overlay, made.cover_);
    gtk_overlay_add_overlay(overlay, made.words_);
    gtk_overlay_set_overlay_pass_through(overlay, made.words_, TRUE);
    gtk_container_add(GTK_CONTAINER(made.window_), made.overlay_);
    g_signal_connect(made.window_, "realize", G_CALLBACK(hide_pointer), nullptr);
    g_signal_connect(made.cover_, "realize", G_CALLBACK(hide_pointer), nullptr);
    // The greeter alone ends the viewer.
    g_signal_connect(made.window_, "delete-event", G_CALLBACK(gtk_true), nullptr);
    gtk_window_set_decorated(GTK_WINDOW(made.window_), FALSE);
    gtk_window_fullscreen(GTK_WINDOW(made.window_));
    gtk_widget_show_all(made.window_);
    made.show({});
    return made;
}

void Window::show(const effect::Show& what) {
    gtk_widget_set_visible(cover_, what.guest ? FALSE : TRUE);
    set_text(centre_, what.centre);
    set_text(words_, what.words);
}

void Window::place(GtkWidget* guest) {
    gtk_container_add(GTK_CONTAINER(overlay_), guest);
    gtk_widget_show_all(guest);
    gtk_widget_grab_focus(guest);
}

void Window::when_drawn(std::function<void()> then) {
    GdkFrameClock* clock = gtk_widget_get_frame_clock(window_);
    auto* drawing = new Drawing{std::move(then), GDK_FRAME_CLOCK(g_object_ref(clock))};
    drawing->too_long = g_timeout_add(
        k_drawing_ms,
        [](gpointer data) -> gboolean {
            drawn(static_cast<Drawing*>(data));
            return G_SOURCE_REMOVE;
        },
        drawing);
    drawing->painted = g_signal_connect(clock, "after-paint", G_CALLBACK(+[](GdkFrameClock*, gpointer data) {
                                            auto* painted = static_cast<Drawing*>(data);
                                            g_source_remove(painted->too_long);
                                            drawn(painted);
                                        }),
                                        drawing);
    gtk_widget_queue_draw(window_);
}

void ask_compositor(std::function<void()> then) {
    using Then = std::function<void()>;
    static constexpr wl_callback_listener k_listener{.done = [](void* data, wl_callback* callback, uint32_t) {
        const std::unique_ptr<Then> call(static_cast<Then*>(data));
        wl_callback_destroy(callback);
        no_throw("compositor", *call);
    }};
    wl_display* display = gdk_wayland_display_get_wl_display(gdk_display_get_default());
    wl_callback* callback = wl_display_sync(display);
    wl_callback_add_listener(callback, &k_listener, new Then(std::move(then)));
    wl_display_flush(display);
}

}  // namespace berth::screen
