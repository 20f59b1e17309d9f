// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/plugin/control_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/no_throw.h"
#include "base/unix_socket.h"
#include "volume/api/control_wire.h"

namespace berth::volume {
namespace {

constexpr size_t k_most_peers = 16;

}  // namespace

Status open_to_group(const std::string& path) {
    struct stat folder{};
    const std::string parent = path.substr(0, path.rfind('/'));
    if (stat(parent.c_str(), &folder) != 0) return fail_errno("stat " + parent);
    if (::chown(path.c_str(), -1, folder.st_gid) != 0) return fail_errno("chown " + path);
    if (::chmod(path.c_str(), 0660) != 0) return fail_errno("chmod " + path);
    return {};
}

Result<std::unique_ptr<ControlServer>> ControlServer::start(const std::string& path, Engine& engine,
                                                            Report& report, std::function<void()> stopped) {
    if (path.size() > k_longest_socket_path)
        return fail(ErrorCode::V01, "{}: path too long for a socket", path);
    // Its mode stays: QEMU, whose group the folder has, must not end its own disks.
    auto listener = BERTH_TRY(bind_unix_socket(path));
    if (::listen(listener.get(), 8) != 0) return fail_errno("listen " + path);
    std::unique_ptr<ControlServer> server(
        new ControlServer(std::move(listener), path, engine, report, std::move(stopped)));
    return server;
}

ControlServer::ControlServer(UniqueFd listener, std::string path, Engine& engine, Report& report,
                             std::function<void()> stopped)
    : listener_(std::move(listener)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      path_(std::move(path)),
      engine_(engine),
      report_(report),
      stopped_(std::move(stopped)) {
    engine_.on_change([this] { notify(); });
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "berth-control");
}

ControlServer::~ControlServer() {
    engine_.on_change({});
    ending_ = true;
    notify();
    thread_.join();
    ::unlink(path_.c_str());
}

void ControlServer::notify() {
    uint64_t one = 1;
    (void)!write(wake_.get(), &one, sizeof one);
}

void ControlServer::run() {
    bool good = true;
    // Who was in the middle of something is let go; they ask again.
    while (!ending_ && good)
        if (!no_throw("berth-control", false, [&] { return good = serve_all(), true; })) peers_.clear();
}

bool ControlServer::serve_all() {
    std::vector<pollfd> fds = {{listener_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    for (auto& peer : peers_) fds.push_back({peer.socket.fd(), POLLIN, 0});
    if (poll(fds.data(), fds.size(), -1) < 0) return errno == EINTR;
    size_t i = 2;
    for (auto peer = peers_.begin(); peer != peers_.end(); i++) {
        const bool keep = !fds[i].revents || serve(*peer);
        peer = keep ? std::next(peer) : peers_.erase(peer);
    }
    if (fds[1].revents) {
        uint64_t count;
        (void)!::read(wake_.get(), &count, sizeof count);
        const VolumeStatus status = engine_.status();
        std::erase_if(peers_, [&](Peer& p) { return p.watching && !send(p, status); });
    }
    if (fds[0].revents) accept_peer();
    return true;
}

void ControlServer::accept_peer() {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (fd && peers_.size() < k_most_peers) peers_.push_back({MessageSocket(std::move(fd))});
}

bool ControlServer::serve(Peer& peer) {
    while (true) {
        auto message = peer.socket.receive();
        if (!message) return false;
        if (!*message) return true;
        const auto request = read<ControlRequest>(**message);
        if (!request || !answer(peer, *request)) return false;
    }
}

bool ControlServer::send(Peer& peer, const ControlReply& reply) {
    return peer.socket.send(frame_of(reply)).has_value();
}

bool ControlServer::answer(Peer& peer, const ControlRequest& request) {
    if (!std::holds_alternative<Stop>(request)) {
        if (std::holds_alternative<Watch>(request)) peer.watching = true;
        return send(peer, engine_.status());
    }
    auto flushed = engine_.flush_all();
    if (!flushed) {
        report_.error("stop failed", flushed.error());
        return send(peer, StopFailed{flushed.error().detail()});
    }
    (void)send(peer, *flushed);
    stopped_();
    return true;
}

}  // namespace berth::volume
