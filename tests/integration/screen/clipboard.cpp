// SPDX-License-Identifier: GPL-3.0-or-later
// Another program on the viewer's compositor: at its first key it takes the clipboard and leaves the screen, but stays.
// It says on its standard output what becomes of the clipboard.
#include <gtk/gtk.h>

#include <cstdio>

namespace {

void say(const char* line) {
    std::puts(line);
    std::fflush(stdout);
}

void asked(GtkClipboard*, GtkSelectionData* data, guint, gpointer) {
    say("asked");
    gtk_selection_data_set_text(data, "Berth's own", -1);
}

void lost(GtkClipboard*, gpointer) {
    say("lost");
}

gboolean key(GtkWidget* window, GdkEvent*, gpointer) {
    gchar text[] = "UTF8_STRING";
    const GtkTargetEntry targets[] = {{text, 0, 0}};
    GtkClipboard* clipboard = gtk_clipboard_get(GDK_SELECTION_CLIPBOARD);
    say(gtk_clipboard_set_with_data(clipboard, targets, 1, asked, lost, nullptr) ? "taken" : "refused");
    gtk_widget_hide(window);
    return TRUE;
}

gboolean mapped(GtkWidget*, GdkEvent*, gpointer) {
    say("there");
    return FALSE;
}

}  // namespace

int main() {
    if (!gtk_init_check(nullptr, nullptr)) return 1;
    GtkWidget* window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
    g_signal_connect(window, "key-press-event", G_CALLBACK(key), nullptr);
    g_signal_connect(window, "map-event", G_CALLBACK(mapped), nullptr);
    gtk_widget_show_all(window);
    gtk_main();
}
