// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui-text/ui.h"

#include <linux/kd.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <csignal>
#include <ctime>

#include "base/clock.h"
#include "base/message.h"
#include "base/wipe_stack.h"
#include "greeter/protocol/protected_memory.h"
#include "greeter/protocol/protocol.h"
#include "greeter/ui-text/layout.h"
#include "greeter/ui-text/sandbox.h"
#include "greeter/ui-text/screen.h"

namespace berth::ui {
namespace {

constexpr int k_socket = 3;
constexpr Duration k_whole_redraw = std::chrono::seconds(5);
constexpr int k_escape_ms = 150;

volatile std::sig_atomic_t size_changed = 0;

std::wstring clock_text() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    localtime_r(&now, &local);
    wchar_t text[64];
    const size_t n = std::wcsftime(text, std::size(text), L"%a %e %b %Y  %H:%M", &local);
    return {text, n};
}

/// The keyboard's state where there is one (ioctl_console(2)); a serial line has none.
std::optional<bool> caps_lock() {
    char flags = 0;
    if (ioctl(STDIN_FILENO, KDGKBLED, &flags) != 0) return std::nullopt;
    return (flags & K_CAPSLOCK) != 0;
}

class Ui {
  public:
    explicit Ui(Screen screen) : screen_(std::move(screen)), greeter_(UniqueFd(k_socket)) {}
    Status run();

  private:
    Status read_messages();
    Status read_keys();
    Status press_all(const std::vector<Key>& keys);
    void draw();

    Screen screen_;
    MessageSocket greeter_;
    SystemClock clock_;
    KeyDecoder decoder_;
    Model model_;
    BootTime whole_drawn_;
};

Status Ui::read_messages() {
    while (true) {
        auto message = BERTH_TRY(greeter_.receive());
        if (!message) return {};
        auto told = BERTH_TRY(protocol::read<protocol::ToUi>(*message));
        take(model_, told);
    }
}

Status Ui::press_all(const std::vector<Key>& keys) {
    for (const Key& key : keys)
        if (const auto message = press(model_, key)) BERTH_TRY(greeter_.send(protocol::frame_of(*message)));
    return {};
}

Status Ui::read_keys() {
    const WipeStack wiped;
    char bytes[512];
    const ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    if (n == 0) return fail(ErrorCode::G04, "hung up");
    if (n < 0) return errno == EINTR || errno == EAGAIN ? Status{} : Status(fail_errno("read"));
    auto keys = decoder_.feed({bytes, static_cast<size_t>(n)});
    explicit_bzero(bytes, sizeof bytes);
    const Status pressed = press_all(keys);
    explicit_bzero(keys.data(), keys.size() * sizeof(Key));
    return pressed;
}

void Ui::draw() {
    model_.clock = clock_text();
    model_.caps_lock = caps_lock();
    if (std::exchange(model_.redraw, false)) screen_.clear();
    const bool whole = clock_.now() - whole_drawn_ >= k_whole_redraw;
    if (whole) whole_drawn_ = clock_.now();
    clamp_scroll(model_, screen_.size());
    screen_.show(layout(model_, screen_.size()), whole);
}

Status Ui::run() {
    BERTH_TRY(greeter_.send(protocol::frame_of(protocol::FromUi(protocol::Ready{}))));
    while (true) {
        draw();
        pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                         {.fd = greeter_.fd(), .events = POLLIN, .revents = 0}};
        const int n = poll(fds, 2, decoder_.waiting() ? k_escape_ms : 1000);
        if (n < 0 && errno != EINTR) return fail_errno("poll");
        if (size_changed != 0) {
            size_changed = 0;
            screen_.resized();
        }
        if (n < 0) continue;
        if (n == 0 && decoder_.waiting()) BERTH_TRY(press_all(decoder_.timeout()));
        if (fds[1].revents != 0) BERTH_TRY(read_messages());
        if (fds[0].revents != 0) BERTH_TRY(read_keys());
    }
}

}  // namespace

int run_ui() {
    protocol::protect_memory();
    std::setlocale(LC_ALL, "C.UTF-8");
    tzset();
    struct sigaction resized{};
    resized.sa_handler = [](int) { size_changed = 1; };
    sigaction(SIGWINCH, &resized, nullptr);
    for (int s : {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE}) std::signal(s, SIG_IGN);
    auto screen = Screen::open();
    if (screen && enter_sandbox()) (void)Ui(std::move(*screen)).run();
    return 1;
}

}  // namespace berth::ui
