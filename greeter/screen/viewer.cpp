// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/screen/viewer.h"

#include <glib-unix.h>

#include <memory>

#include "base/clock.h"
#include "base/message.h"
#include "base/no_throw.h"
#include "base/unix_socket.h"
#include "greeter/protocol/protocol.h"
#include "greeter/screen/guest_link.h"
#include "greeter/screen/viewer_state.h"
#include "greeter/screen/window.h"

namespace berth::screen {
namespace {

class Viewer {
  public:
    Viewer(UniqueFd greeter, Window window, Report& report)
        : greeter_(std::move(greeter)), window_(window), report_(report) {}
    Status run();

  private:
    void feed(const Event& event);
    Status read();
    void wait_for_deadline();

    void perform(const effect::Connect& e);
    void perform(const effect::Disconnect&) { link_.reset(); }
    void perform(const effect::Show& e);
    void perform(const effect::AskCompositor& e);
    void perform(const effect::SendKey&);
    void perform(const effect::Say& e);
    void end(Status why);

    MessageSocket greeter_;
    Window window_;
    Report& report_;
    SystemClock clock_;
    ViewerState state_;
    std::unique_ptr<GuestLink> link_;
    bool guest_shown_ = false;
    guint timer_ = 0;
    Status why_;
    bool ended_ = false;
};

Status Viewer::run() {
    window_.when_drawn([this] { feed(event::Mapped{}); });
    g_unix_fd_add(
        greeter_.fd(), static_cast<GIOCondition>(G_IO_IN | G_IO_HUP | G_IO_ERR),
        [](gint, GIOCondition, gpointer self) -> gboolean {
            auto& viewer = *static_cast<Viewer*>(self);
            no_throw("greeter's socket", [&] {
                if (auto read = viewer.read(); !read) viewer.end(std::move(read));
            });
            return viewer.ended_ ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
        },
        this);
    if (!ended_) gtk_main();
    link_.reset();
    return std::move(why_);
}

Status Viewer::read() {
    while (!ended_) {
        auto message = BERTH_TRY(greeter_.receive());
        if (!message) break;
        feed(event::Told{BERTH_TRY(protocol::read<protocol::ToScreen>(*message))});
    }
    return {};
}

void Viewer::feed(const Event& event) {
    if (ended_) return;
    for (const auto& effect : state_.handle(event, clock_.now()))
        std::visit([this](const auto& e) { perform(e); }, effect);
    wait_for_deadline();
}

void Viewer::wait_for_deadline() {
    if (timer_ != 0) g_source_remove(timer_);
    timer_ = 0;
    const auto at = state_.deadline();
    if (!at) return;
    using std::chrono::ceil, std::chrono::milliseconds;
    const auto left = std::max(ceil<milliseconds>(*at - clock_.now()), milliseconds(0));
    timer_ = g_timeout_add(
        static_cast<guint>(std::min<int64_t>(left.count(), G_MAXINT)),
        [](gpointer self) -> gboolean {
            auto& viewer = *static_cast<Viewer*>(self);
            viewer.timer_ = 0;
            no_throw("timer", [&] { viewer.feed(event::Tick{}); });
            return G_SOURCE_REMOVE;
        },
        this);
}

void Viewer::perform(const effect::Connect& e) {
    link_.reset();
    link_ = std::make_unique<GuestLink>(
        e.socket, [this](const Event& event) { feed(event); },
        [this](GtkWidget* widget) { window_.place(widget); }, report_);
}

void Viewer::perform(const effect::Show& e) {
    window_.show(e);
    if (link_) link_->alone(e.guest && e.words.empty());
    if (e.guest && !guest_shown_) window_.when_drawn([this] { feed(event::Shown{}); });
    guest_shown_ = e.guest;
}

void Viewer::perform(const effect::AskCompositor& e) {
    ask_compositor([this, ping = e.ping] { feed(event::Answered{ping}); });
}

void Viewer::perform(const effect::SendKey&) {
    if (link_) link_->send_key();
}

void Viewer::perform(const effect::Say& e) {
    if (const auto* gone = std::get_if<protocol::screen::Gone>(&e.message))
        report_.event(Level::warning, "guest's screen is gone", {{"why", gone->why}});
    if (auto sent = greeter_.send(protocol::frame_of(e.message)); !sent) end(std::move(sent));
}

void Viewer::end(Status why) {
    if (std::exchange(ended_, true)) return;
    why_ = std::move(why);
    if (gtk_main_level() > 0) gtk_main_quit();
}

}  // namespace

Status run_viewer(const std::string& socket, Report& report) {
    auto greeter = BERTH_TRY(connect_unix_socket(socket));
    const auto window = BERTH_TRY(Window::open());
    return Viewer(std::move(greeter), window, report).run();
}

}  // namespace berth::screen
