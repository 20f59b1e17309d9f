// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/rpc_connection.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "volume/libnfs_raw.h"

namespace berth::volume {
namespace {

constexpr int k_user_timeout_ms = 20'000;
constexpr uint16_t k_port_mapper = 111;
constexpr int k_first_reserved_port = 600;

int milliseconds_left(BootTime deadline, SystemClock& clock) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock.now()).count();
    return static_cast<int>(std::clamp<int64_t>(left + 1, 0, 3'600'000));
}

uint32_t random_number() {
    uint32_t n = 0;
    (void)!getrandom(&n, sizeof n, 0);
    return n;
}

void set_options(int fd) {
    linger abort_on_close{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_on_close, sizeof abort_on_close);
    auto set = [fd](int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof value); };
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, k_user_timeout_ms);
    set(IPPROTO_TCP, TCP_NODELAY, 1);
    // A server that went away while we were idle must be noticed too.
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 10);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
    set(IPPROTO_TCP, TCP_KEEPCNT, 2);
}

/// EACCES: not permitted. Ports in use are skipped; the start is random because a port reset by us may still
/// be remembered by the server.
bool bind_reserved(int fd, int family, int attempt) {
    const int count = IPPORT_RESERVED - k_first_reserved_port;
    const int start = static_cast<int>((random_number() + static_cast<unsigned>(attempt)) % count);
    for (int i = 0; i < count; i++) {
        const auto port = static_cast<uint16_t>(k_first_reserved_port + (start + i) % count);
        int failed;
        if (family == AF_INET6) {
            sockaddr_in6 any{};
            any.sin6_family = AF_INET6;
            any.sin6_port = htons(port);
            failed = bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any);
        } else {
            sockaddr_in any{};
            any.sin_family = AF_INET;
            any.sin_port = htons(port);
            failed = bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any);
        }
        if (!failed) return true;
        if (errno != EADDRINUSE) return false;
    }
    return false;
}

struct AddressList {
    addrinfo* first = nullptr;
    ~AddressList() {
        if (first) freeaddrinfo(first);
    }
};

/// 0 or an errno.
int connect_one(int fd, const addrinfo& address, BootTime deadline, Interrupt interrupt) {
    SystemClock clock;
    if (::connect(fd, address.ai_addr, address.ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    std::array<pollfd, 2> fds = {pollfd{fd, POLLOUT, 0}, pollfd{interrupt.fd, POLLIN, 0}};
    while (true) {
        int ready = poll(fds.data(), fds.size(), milliseconds_left(deadline, clock));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return ETIMEDOUT;
        if (fds[1].revents) return ECANCELED;
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        return error;
    }
}

Result<UniqueFd> connect_socket(const std::string& server, uint16_t port, Duration timeout,
                                Interrupt interrupt) {
    SystemClock clock;
    const BootTime deadline = clock.now() + timeout;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    AddressList addresses;
    std::string service = std::to_string(port);
    int failed = getaddrinfo(server.c_str(), service.c_str(), &hints, &addresses.first);
    if (failed) return fail(ErrorCode::M01, "{}: {}", server, gai_strerror(failed));
    int error = ETIMEDOUT;
    for (const addrinfo* a = addresses.first; a; a = a->ai_next) {
        // A source port that the server remembers from before gives EADDRNOTAVAIL here or a refusal there:
        // others are tried.
        for (int attempt = 0; attempt < 8; attempt++) {
            UniqueFd fd(::socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            if (!fd) return fail_errno("socket");
            set_options(fd.get());
            bind_reserved(fd.get(), a->ai_family, attempt);
            error = connect_one(fd.get(), *a, deadline, interrupt);
            if (error == 0) return fd;
            if (error != EADDRNOTAVAIL && error != EADDRINUSE) break;
        }
    }
    if (error == ECONNREFUSED) return fail(ErrorCode::M02, "{} port {}", server, port);
    return fail(ErrorCode::M04, "{} port {}: {}", server, port, std::strerror(error));
}

uint16_t bound_port(int fd) {
    sockaddr_storage local{};
    socklen_t size = sizeof local;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) != 0) return 0;
    return ntohs(local.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(local).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(local).sin_port);
}

}  // namespace

Result<std::unique_ptr<RpcConnection>> RpcConnection::connect(const std::string& server, uint16_t port,
                                                              const NfsCredentials& credentials,
                                                              Duration timeout, Interrupt interrupt) {
    if (credentials.groups.size() > k_max_groups)
        return fail(ErrorCode::M12, "{} groups: at most {}", credentials.groups.size(), k_max_groups);
    auto fd = connect_socket(server, port, timeout, interrupt);
    if (!fd) return fail(fd.error());
    std::unique_ptr<RpcConnection> made(new RpcConnection);
    made->server_ = server;
    made->local_port_ = bound_port(fd->get());
    made->context_ = rpc_init_context();
    if (!made->context_) return fail(ErrorCode::I01, "no memory for a connection");
    std::vector<uint32_t> groups = credentials.groups;
    AUTH* auth =
        libnfs_authunix_create("berth", credentials.uid, credentials.gid, groups.size(), groups.data());
    if (!auth) return fail(ErrorCode::I01, "no memory for a connection");
    rpc_set_auth(made->context_, auth);
    // A transaction id that a new process repeats could be answered from the server's memory of the old
    // one's.
    rpc_set_next_xid(made->context_, random_number());
    rpc_set_fd(made->context_, fd->release());
    // libnfs learns that the socket is connected from its first POLLOUT.
    made->service(POLLOUT);
    if (made->broken_) return fail(ErrorCode::M04, "{} port {}", server, port);
    return made;
}

RpcConnection::~RpcConnection() {
    if (context_) rpc_destroy_context(context_);
}

int RpcConnection::fd() const {
    return broken_ ? -1 : rpc_get_fd(context_);
}

int RpcConnection::events() {
    return broken_ ? 0 : rpc_which_events(context_);
}

void RpcConnection::service(int revents) {
    if (broken_) return;
    serving_ = true;
    const bool failed = rpc_service(context_, revents) < 0;
    serving_ = false;
    if (failed || rpc_get_fd(context_) < 0) reset();
}

void RpcConnection::reset() {
    if (broken_) return;
    broken_ = true;
    // From inside a callback libnfs still uses the socket: it goes with the context.
    if (!serving_ && rpc_get_fd(context_) >= 0) rpc_disconnect(context_, "connection lost");
}

bool RpcConnection::pump(const bool& done, Duration timeout, Interrupt interrupt) {
    SystemClock clock;
    const BootTime deadline = clock.now() + timeout;
    while (!done) {
        if (broken_) return false;
        std::array<pollfd, 2> fds = {pollfd{fd(), static_cast<short>(events()), 0},
                                     pollfd{interrupt.fd, POLLIN, 0}};
        const int left = milliseconds_left(deadline, clock);
        int ready = poll(fds.data(), fds.size(), left);
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0 || (ready == 0 && clock.now() >= deadline)) return false;
        if (fds[1].revents) return false;
        if (fds[0].revents) service(fds[0].revents);
    }
    return true;
}

Result<uint16_t> RpcConnection::ask_port_mapper(const std::string& server, int program, int version,
                                                Duration timeout, Interrupt interrupt) {
    auto connection = connect(server, k_port_mapper, {}, timeout, interrupt);
    if (!connection) return fail(connection.error().with_prefix("port mapper"));
    struct Answer {
        bool done = false, good = false;
        uint32_t port = 0;
    } answer;
    auto callback = [](rpc_context*, int status, void* data, void* user) {
        auto* a = static_cast<Answer*>(user);
        a->done = true;
        a->good = status == RPC_STATUS_SUCCESS;
        if (a->good) a->port = *static_cast<uint32_t*>(data);
    };
    if (rpc_pmap2_getport_async((*connection)->context(), program, version, IPPROTO_TCP, callback, &answer) !=
        0)
        return fail(ErrorCode::I01, "no memory for a call");
    const bool answered = (*connection)->pump(answer.done, timeout, interrupt);
    (*connection)->reset();
    if (!answered || !answer.good)
        return fail(ErrorCode::M04, "port mapper: {} port {}: no answer", server, k_port_mapper);
    if (answer.port == 0 || answer.port > 65535)
        return fail(ErrorCode::M05, "port mapper: {} port {} knows no program {} version {}", server,
                    k_port_mapper, program, version);
    return static_cast<uint16_t>(answer.port);
}

}  // namespace berth::volume
