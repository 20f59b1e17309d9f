// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/screen_service.h"

#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unix_socket.h"
#include "greeter/protocol/protocol.h"
#include "greeter/supervisor/control_group.h"

namespace berth::supervisor {
namespace {

constexpr int k_messages_a_turn = 64;
constexpr unsigned k_messages_a_second = 100;  ///< It says something at each connection and each ping.

Result<UniqueFd> listen_at(const std::string& path, gid_t group) {
    auto fd = BERTH_TRY(bind_unix_socket(path));
    if (chown(path.c_str(), geteuid(), group) != 0) return fail_errno("chown " + path);
    if (chmod(path.c_str(), 0660) != 0) return fail_errno("chmod " + path);
    if (listen(fd.get(), 4) != 0) return fail_errno("listen " + path);
    return fd;
}

}  // namespace

void kill_seat(const ScreenOptions& options, Report& report) {
    for (const auto& unit : {options.unit, options.seat_unit})
        if (Status killed = kill_control_group(options.control_groups + "/" + unit); !killed)
            report.error("the seat is not killed", killed.error());
}

Result<std::unique_ptr<ScreenService>> ScreenService::open(const ScreenOptions& options, Clock& clock,
                                                           Report& report, Handle handle) {
    const passwd* user = getpwnam(options.user.c_str());
    if (user == nullptr) return fail(ErrorCode::G05, "no user {}", options.user);
    const uid_t uid = user->pw_uid;
    auto listener = BERTH_TRY(listen_at(options.socket, user->pw_gid));
    std::unique_ptr<ScreenService> service(
        new ScreenService(options, clock, report, std::move(handle), std::move(listener), uid));
    // A greeter that died may have left one, stopped or with a grab of a keyboard.
    service->kill_seat();
    service->queue({"stop", options.unit, options.seat_unit});
    return service;
}

void ScreenService::start() {
    wanted_ = true;
    // Lives as long as the unit, whose end is seen by it.
    queue({"start", "--wait", options_.unit});
}

void ScreenService::stop() {
    wanted_ = false;
    unit_ = Child();
    std::erase_if(commands_, [](const auto& command) { return command.front() == "start"; });
    viewer_.reset();
    outbox_.clear();
    // A process that is stopped ends by SIGKILL only; and stop waits until systemd, too, knows that it is gone.
    kill_seat();
    queue({"stop", options_.unit, options_.seat_unit});
}

void ScreenService::end() {
    if (std::exchange(wanted_, false)) kill_seat();
}

SpawnOptions ScreenService::systemctl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), options_.systemctl);
    SpawnOptions options;
    options.arguments = std::move(arguments);
    return options;
}

void ScreenService::send(const protocol::ToScreen& message) {
    if (!viewer_) return;
    if (auto put = outbox_.put(protocol::frame_of(message)); !put) lose(put.error().to_log());
}

void ScreenService::queue(std::vector<std::string> arguments) {
    commands_.push_back(std::move(arguments));
    run_next();
}

void ScreenService::run_next() {
    while (!command_.running() && !commands_.empty()) {
        const bool start = commands_.front().front() == "start";
        auto child = spawn(systemctl(std::move(commands_.front())));
        commands_.pop_front();
        if (child)
            (start ? unit_ : command_) = std::move(*child);
        else
            report_.error("systemctl", child.error());
    }
}

void ScreenService::accept_viewer() {
    UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) return;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != viewer_uid_ ||
        !wanted_ || viewer_) {
        report_.event(Level::warning, "a stranger at the viewer's socket",
                      {{"uid", std::to_string(peer.uid)}});
        return;
    }
    outbox_.clear();
    viewer_.emplace(std::move(fd));
}

void ScreenService::lose(const std::string& why) {
    viewer_.reset();
    outbox_.clear();
    handle_(event::ScreenGone{why});
}

void ScreenService::read_viewer() {
    for (int i = 0; i < k_messages_a_turn && viewer_; ++i) {
        auto message = viewer_->receive();
        if (message && !*message) return;
        Result<protocol::FromScreen> said =
            message ? protocol::read<protocol::FromScreen>(**message) : fail(message.error());
        if (!said) return lose(said.error().to_log());
        if (rate_.exceeds(k_messages_a_second, clock_.now())) return lose("it sends too much");
        if (std::holds_alternative<protocol::screen::Hello>(*said)) {
            // The compositor has its seat; nobody else needs one, and nothing of a guest's has run there yet.
            unlink(options_.seat_socket.c_str());
        }
        if (std::holds_alternative<protocol::screen::Frame>(*said))
            report_.event(Level::info, "the guest's first frame is on the screen");
        handle_(event::ScreenSaid{std::move(*said)});
    }
}

void ScreenService::wait_for(Turn& turn) {
    if (viewer_ && !outbox_.empty() && !outbox_.flush(viewer_->fd())) lose("closed");
    turn.watch(listener_.get(), POLLIN, [this] { accept_viewer(); });
    if (viewer_) {
        turn.watch(viewer_->fd(), POLLIN, [this] {
            if (viewer_) read_viewer();
        });
        if (!outbox_.empty()) turn.watch(viewer_->fd(), POLLOUT, [] {});
    }
    // What was seen before them in this turn may have put another child there.
    turn.watch(command_, [this, pid = command_.pid()] {
        if (command_.pid() == pid) (void)command_.wait();
        run_next();
    });
    turn.watch(unit_, [this, pid = unit_.pid()] {
        if (unit_.pid() != pid) return;
        (void)unit_.wait();
        if (wanted_) lose("it ended");
    });
}

}  // namespace berth::supervisor
