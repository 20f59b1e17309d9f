// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/screen/direct_picture.h"

#include <gdk/gdkwayland.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "base/fd.h"
#include "base/no_throw.h"

namespace berth::screen {
namespace {

/// One on the screen, one that the compositor has not let go of yet, one to draw in.
constexpr size_t k_buffers = 3;

cairo_rectangle_int_t rectangle(const Rect& r) {
    return {r.x, r.y, r.width, r.height};
}

GdkFrameClock* clock_of(GtkWidget* window) {
    return gtk_widget_get_frame_clock(window);
}

}  // namespace

/// Memory that the compositor reads, and a picture in it.
struct DirectPicture::Buffer {
    Buffer(wl_shm* shm, Size size, DirectPicture& of);
    ~Buffer();
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    bool is_usable() const { return picture != nullptr; }

    DirectPicture& owner;
    size_t bytes;
    void* memory = MAP_FAILED;
    wl_buffer* buffer = nullptr;
    cairo_surface_t* picture = nullptr;
    bool held = false;  ///< By the compositor.
    Region stale;       ///< Changed since it was drawn.
};

DirectPicture::Buffer::Buffer(wl_shm* shm, Size size, DirectPicture& of)
    : owner(of), bytes(size_t{4} * static_cast<size_t>(size.width) * static_cast<size_t>(size.height)) {
    const cairo_rectangle_int_t all{0, 0, size.width, size.height};
    stale.reset(cairo_region_create_rectangle(&all));
    const UniqueFd fd(memfd_create("berth-screen", MFD_CLOEXEC));
    if (!fd || ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return;
    memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (memory == MAP_FAILED) return;
    const int stride = 4 * size.width;
    wl_shm_pool* pool = wl_shm_create_pool(shm, fd.get(), static_cast<int32_t>(bytes));
    buffer = wl_shm_pool_create_buffer(pool, 0, size.width, size.height, stride, WL_SHM_FORMAT_XRGB8888);
    wl_shm_pool_destroy(pool);
    static constexpr wl_buffer_listener k_listener{.release = [](void* data, wl_buffer*) {
        auto& self = *static_cast<Buffer*>(data);
        self.held = false;
        no_throw("buffer", [&] { self.owner.draw_soon(); });
    }};
    wl_buffer_add_listener(buffer, &k_listener, this);
    picture = cairo_image_surface_create_for_data(static_cast<uint8_t*>(memory), CAIRO_FORMAT_RGB24,
                                                  size.width, size.height, stride);
}

DirectPicture::Buffer::~Buffer() {
    if (picture != nullptr) cairo_surface_destroy(picture);
    if (buffer != nullptr) wl_buffer_destroy(buffer);
    if (memory != MAP_FAILED) munmap(memory, bytes);
}

DirectPicture::DirectPicture(SpiceDisplay* display, SpiceChannel* channel)
    : display_(display),
      channel_(keep(channel)),
      window_(gtk_widget_get_toplevel(GTK_WIDGET(display))),
      surface_(gdk_wayland_window_get_wl_surface(gtk_widget_get_window(window_))),
      registry_(wl_display_get_registry(gdk_wayland_display_get_wl_display(gdk_display_get_default()))),
      fresh_(cairo_region_create()) {
    static constexpr wl_registry_listener k_listener{.global = global,
                                                     .global_remove = [](void*, wl_registry*, uint32_t) {}};
    wl_registry_add_listener(registry_, &k_listener, this);
    g_signal_connect(channel, "display-invalidate", G_CALLBACK(invalidated), this);
    for (const char* name :
         {"display-primary-create", "display-primary-destroy", "display-mark", "notify::monitors"})
        g_signal_connect_swapped(channel, name, G_CALLBACK(changed), this);
    // Behind GTK's own, which commits what it drew.
    g_signal_connect_after(clock_of(window_), "after-paint", G_CALLBACK(painted), this);
}

DirectPicture::~DirectPicture() {
    g_signal_handlers_disconnect_by_data(clock_of(window_), this);
    g_signal_handlers_disconnect_by_data(channel_.get(), this);
    if (drawing_ != 0) g_source_remove(drawing_);
    if (frame_ != nullptr) wl_callback_destroy(frame_);
    if (shm_ != nullptr) wl_shm_destroy(shm_);
    wl_registry_destroy(registry_);
    // What was on the screen is not GTK's.
    if (direct_) gtk_widget_queue_draw(window_);
}

void DirectPicture::global(void* self, wl_registry* registry, uint32_t name, const char* interface,
                           uint32_t) {
    auto& picture = *static_cast<DirectPicture*>(self);
    if (picture.shm_ != nullptr || std::strcmp(interface, wl_shm_interface.name) != 0) return;
    picture.shm_ = static_cast<wl_shm*>(wl_registry_bind(registry, name, &wl_shm_interface, 1));
    changed(self);
}

void DirectPicture::changed(gpointer self) {
    no_throw("direct picture", [&] {
        auto& picture = *static_cast<DirectPicture*>(self);
        picture.look();
        if (picture.direct_) picture.damage(picture.all());
    });
}

void DirectPicture::invalidated(SpiceChannel*, gint x, gint y, gint width, gint height, gpointer self) {
    no_throw("display-invalidate", [&] {
        auto& picture = *static_cast<DirectPicture*>(self);
        picture.look();
        const auto primary = picture.source();
        if (!picture.direct_ || !primary || picture.size_ == Size{}) return;
        const Placing placing = place({primary->width, primary->height}, picture.size_);
        picture.damage(rectangle(changed_by({x, y, width, height}, placing)));
    });
}

void DirectPicture::painted(GdkFrameClock*, gpointer self) {
    no_throw("after-paint", [&] {
        auto& picture = *static_cast<DirectPicture*>(self);
        if (!picture.direct_) return;
        // In the same frame, whether the last one was shown or not.
        const auto all = picture.all();
        cairo_region_union_rectangle(picture.fresh_.get(), &all);
        g_clear_pointer(&picture.frame_, wl_callback_destroy);
        picture.draw();
    });
}

void DirectPicture::framed(void* self, wl_callback*, uint32_t) {
    auto& picture = *static_cast<DirectPicture*>(self);
    g_clear_pointer(&picture.frame_, wl_callback_destroy);
    no_throw("frame", [&] { picture.draw_soon(); });
}

void DirectPicture::alone(bool alone) {
    alone_ = alone;
    look();
}

std::optional<SpiceDisplayPrimary> DirectPicture::source() const {
    SpiceDisplayPrimary primary{};
    if (!spice_display_channel_get_primary(channel_.get(), 0, &primary) || !primary.marked ||
        primary.data == nullptr || primary.width <= 0 || primary.height <= 0)
        return std::nullopt;
    if (primary.format != SPICE_SURFACE_FMT_32_xRGB && primary.format != SPICE_SURFACE_FMT_32_ARGB)
        return std::nullopt;
    if (!is_whole(primary)) return std::nullopt;
    return primary;
}

/// A guest may have its monitor on a part of its picture.
bool DirectPicture::is_whole(const SpiceDisplayPrimary& primary) const {
    GArray* monitors = nullptr;
    g_object_get(channel_.get(), "monitors", &monitors, nullptr);
    if (monitors == nullptr) return true;
    bool whole = true;
    for (guint i = 0; i < monitors->len; ++i) {
        const auto& monitor = g_array_index(monitors, SpiceDisplayMonitorConfig, i);
        if (monitor.id == 0)
            whole = monitor.x == 0 && monitor.y == 0 && monitor.width == static_cast<guint>(primary.width) &&
                    monitor.height == static_cast<guint>(primary.height);
    }
    g_array_unref(monitors);
    return whole;
}

void DirectPicture::look() {
    const bool direct = alone_ && shm_ != nullptr && gtk_widget_get_scale_factor(window_) == 1 && source();
    if (direct == direct_) return;
    direct_ = direct;
    keep_gtk_still(direct);
    if (direct)
        damage(all());
    else
        gtk_widget_queue_draw(window_);
}

void DirectPicture::keep_gtk_still(bool still) {
    const guint invalidate = g_signal_lookup("display-invalidate", SPICE_TYPE_DISPLAY_CHANNEL);
    constexpr auto k_match = static_cast<GSignalMatchType>(G_SIGNAL_MATCH_ID | G_SIGNAL_MATCH_DATA);
    if (still)
        g_signal_handlers_block_matched(channel_.get(), k_match, invalidate, 0, nullptr, nullptr, display_);
    else
        g_signal_handlers_unblock_matched(channel_.get(), k_match, invalidate, 0, nullptr, nullptr, display_);
}

cairo_rectangle_int_t DirectPicture::all() const {
    return {0, 0, size_.width, size_.height};
}

void DirectPicture::damage(const cairo_rectangle_int_t& part) {
    cairo_region_union_rectangle(fresh_.get(), &part);
    for (const auto& buffer : buffers_) cairo_region_union_rectangle(buffer->stale.get(), &part);
    draw_soon();
}

void DirectPicture::draw_soon() {
    if (!direct_ || drawing_ != 0 || frame_ != nullptr) return;
    drawing_ = g_idle_add_full(
        GDK_PRIORITY_REDRAW,
        [](gpointer self) -> gboolean {
            auto& picture = *static_cast<DirectPicture*>(self);
            picture.drawing_ = 0;
            no_throw("drawing", [&] { picture.draw(); });
            return G_SOURCE_REMOVE;
        },
        this, nullptr);
}

void DirectPicture::draw() {
    const auto primary = source();
    if (!direct_ || !primary) return look();
    if (frame_ != nullptr) return;
    const Size size{gtk_widget_get_allocated_width(GTK_WIDGET(display_)),
                    gtk_widget_get_allocated_height(GTK_WIDGET(display_))};
    if (size.width <= 0 || size.height <= 0) return;
    if (size != size_) {
        size_ = size;
        buffers_.clear();
        damage(all());
    }
    if (cairo_region_is_empty(fresh_.get())) return;
    Buffer* buffer = free_buffer();
    // Without memory for a single one GTK may have more luck.
    if (buffer == nullptr && buffers_.empty()) return alone(false);
    if (buffer == nullptr) return;
    paint(*buffer, *primary, place({primary->width, primary->height}, size));
    commit(*buffer);
}

DirectPicture::Buffer* DirectPicture::free_buffer() {
    const auto free = std::ranges::find_if(buffers_, [](const auto& b) { return !b->held; });
    if (free != buffers_.end()) return free->get();
    if (buffers_.size() >= k_buffers) return nullptr;
    auto made = std::make_unique<Buffer>(shm_, size_, *this);
    if (!made->is_usable()) return nullptr;
    return buffers_.emplace_back(std::move(made)).get();
}

void DirectPicture::paint(Buffer& buffer, const SpiceDisplayPrimary& primary, const Placing& placing) {
    cairo_surface_t* guest = cairo_image_surface_create_for_data(
        primary.data, CAIRO_FORMAT_RGB24, primary.width, primary.height, primary.stride);
    cairo_t* cr = cairo_create(buffer.picture);
    gdk_cairo_region(cr, buffer.stale.get());
    cairo_clip(cr);
    const auto inside = rectangle(placing.at);
    const Region around(cairo_region_copy(buffer.stale.get()));
    cairo_region_subtract_rectangle(around.get(), &inside);
    gdk_cairo_region(cr, around.get());
    cairo_fill(cr);
    cairo_rectangle(cr, placing.at.x, placing.at.y, placing.at.width, placing.at.height);
    cairo_translate(cr, placing.at.x, placing.at.y);
    cairo_scale(cr, placing.scale, placing.scale);
    cairo_set_source_surface(cr, guest, 0, 0);
    // A scaled pixel at the edge is mixed with what is beyond it: without this with nothing, and the older picture shines through.
    cairo_pattern_set_extend(cairo_get_source(cr), CAIRO_EXTEND_PAD);
    cairo_fill(cr);
    cairo_destroy(cr);
    cairo_surface_destroy(guest);
    buffer.stale.reset(cairo_region_create());
}

void DirectPicture::commit(Buffer& buffer) {
    static constexpr wl_callback_listener k_listener{.done = framed};
    for (int i = 0; i < cairo_region_num_rectangles(fresh_.get()); ++i) {
        cairo_rectangle_int_t r;
        cairo_region_get_rectangle(fresh_.get(), i, &r);
        wl_surface_damage(surface_, r.x, r.y, r.width, r.height);
    }
    fresh_.reset(cairo_region_create());
    buffer.held = true;
    wl_surface_attach(surface_, buffer.buffer, 0, 0);
    frame_ = wl_surface_frame(surface_);
    wl_callback_add_listener(frame_, &k_listener, this);
    wl_surface_commit(surface_);
    wl_display_flush(gdk_wayland_display_get_wl_display(gdk_display_get_default()));
}

}  // namespace berth::screen
