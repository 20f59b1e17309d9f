// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/nfs/rpc_connection.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/fd.h"
#include "base/random.h"
#include "files/nfs/libnfs_raw.h"

namespace berth::files {
namespace {

constexpr int k_user_timeout_ms = 20'000;
constexpr uint16_t k_port_mapper = 111;
constexpr int k_first_reserved_port = 600;

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
    const int start = static_cast<int>((random_number<uint32_t>() + static_cast<unsigned>(attempt)) % count);
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

/// Connecting to a server of several addresses.
class Connector {
  public:
    Connector(ServerAddresses& server, uint16_t port, Duration timeout, const Interrupt& interrupt)
        : server_(server), port_(port), deadline_(clock_.now() + timeout), waiter_(interrupt) {}

    Result<UniqueFd> run() {
        candidates_ = server_.known();
        next_start_ = clock_.now();
        while (true) {
            if (waiter_.over()) return fail(ErrorCode::L05);
            start_what_is_due();
            if (UniqueFd made = take_connected()) return made;
            if (attempts_.empty() && next_ == candidates_.size() && looked_up_) return failed();
            if (clock_.now() >= deadline_) return failed();
            std::vector<pollfd> fds(2);
            fds[1] = {looked_up_ || !pending_ ? -1 : pending_->fd(), POLLIN, 0};
            for (const auto& attempt : attempts_) fds.push_back({attempt.fd.get(), POLLOUT, 0});
            // Known addresses are given a moment before the resolver is asked.
            const bool more = next_ < candidates_.size() || (!pending_ && !looked_up_);
            if (waiter_.wait(fds, more ? std::min(deadline_, next_start_) : deadline_, clock_) < 0)
                return fail(ErrorCode::L05);
            if (fds[1].revents) take_looked_up();
            for (size_t i = 0; i < attempts_.size(); i++) attempts_[i].ready = fds[2 + i].revents != 0;
        }
    }

  private:
    struct Attempt {
        SocketAddress address;
        UniqueFd fd;
        int tries = 0;
        bool ready = false;
    };

    void start_what_is_due() {
        const BootTime now = clock_.now();
        if (now < next_start_ && !attempts_.empty()) return;
        if (next_ < candidates_.size()) {
            next_start_ = now + k_stagger;
            attempts_.push_back({candidates_[next_++], {}, 0, false});
            begin(attempts_.back());
        } else if (!pending_ && !looked_up_) {
            pending_ = server_.look_up();
            looked_up_ = pending_ == nullptr;
        }
    }

    /// A source port that the server remembers from before gives EADDRNOTAVAIL here or a refusal there:
    /// others are tried.
    void begin(Attempt& attempt) {
        for (attempt.ready = false; attempt.tries < 8;) {
            attempt.fd.reset(
                ::socket(attempt.address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            if (!attempt.fd) {
                error_ = errno;
                return;
            }
            set_options(attempt.fd.get());
            bind_reserved(attempt.fd.get(), attempt.address.family(), attempt.tries++);
            const SocketAddress to = attempt.address.with_port(port_);
            if (::connect(attempt.fd.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.size) == 0) {
                attempt.ready = true;
                return;
            }
            if (errno == EINPROGRESS) return;
            error_ = errno;
            attempt.fd.reset();
            if (error_ != EADDRNOTAVAIL && error_ != EADDRINUSE) return;
        }
    }

    UniqueFd take_connected() {
        for (auto& attempt : attempts_) {
            if (!attempt.ready) continue;
            int error = 0;
            socklen_t size = sizeof error;
            getsockopt(attempt.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
            if (error == 0) {
                server_.answered(attempt.address);
                return std::move(attempt.fd);
            }
            error_ = error;
            attempt.fd.reset();
            if (error == EADDRNOTAVAIL || error == EADDRINUSE) begin(attempt);
        }
        std::erase_if(attempts_, [](const Attempt& a) { return !a.fd; });
        return {};
    }

    void take_looked_up() {
        looked_up_ = true;
        if (auto found = pending_->result(); !found) {
            look_up_error_ = found;
            return;
        }
        for (const auto& address : server_.known())
            if (std::ranges::find(candidates_, address) == candidates_.end()) candidates_.push_back(address);
    }

    std::unexpected<Error> failed() const {
        if (candidates_.empty() && !look_up_error_) return fail(look_up_error_.error());
        if (candidates_.empty() && !looked_up_)
            return fail(ErrorCode::M01, "{}: the name server does not answer", server_.name());
        if (error_ == ECONNREFUSED && attempts_.empty())
            return fail(ErrorCode::M02, "{} port {}", server_.name(), port_);
        return fail(ErrorCode::M04, "{} port {}: {}", server_.name(), port_,
                    std::strerror(attempts_.empty() ? error_ : ETIMEDOUT));
    }

    static constexpr Duration k_stagger = std::chrono::milliseconds(250);
    SystemClock clock_;
    ServerAddresses& server_;
    const uint16_t port_;
    const BootTime deadline_;
    Waiter waiter_;
    std::vector<SocketAddress> candidates_;
    size_t next_ = 0;  // of them, to be tried
    std::vector<Attempt> attempts_;
    BootTime next_start_;
    std::shared_ptr<ServerAddresses::Pending> pending_;
    bool looked_up_ = false;
    Status look_up_error_;
    int error_ = ETIMEDOUT;
};

uint16_t bound_port(int fd) {
    sockaddr_storage local{};
    socklen_t size = sizeof local;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) != 0) return 0;
    return ntohs(local.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(local).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(local).sin_port);
}

}  // namespace

Result<std::unique_ptr<RpcConnection>> RpcConnection::connect(ServerAddresses& server, uint16_t port,
                                                              const NfsCredentials& credentials,
                                                              Duration timeout, const Interrupt& interrupt) {
    if (credentials.groups.size() > k_max_groups)
        return fail(ErrorCode::M12, "{} groups: at most {}", credentials.groups.size(), k_max_groups);
    auto fd = BERTH_TRY(Connector(server, port, timeout, interrupt).run());
    std::unique_ptr<RpcConnection> made(new RpcConnection);
    made->server_ = server.name();
    made->local_port_ = bound_port(fd.get());
    made->context_ = rpc_init_context();
    if (!made->context_) return fail(ErrorCode::I01, "no memory for a connection");
    std::vector<uint32_t> groups = credentials.groups;
    AUTH* auth =
        libnfs_authunix_create("berth", credentials.uid, credentials.gid, groups.size(), groups.data());
    if (!auth) return fail(ErrorCode::I01, "no memory for a connection");
    rpc_set_auth(made->context_, auth);
    // A transaction id that a new process repeats could be answered from the server's memory of the old
    // one's.
    made->first_xid_ = random_number<uint32_t>();
    made->credentials_ = credentials;
    rpc_set_next_xid(made->context_, made->first_xid_);
    rpc_set_fd(made->context_, fd.release());
    // libnfs learns that the socket is connected from its first POLLOUT.
    made->service(POLLOUT);
    if (made->broken_) return fail(ErrorCode::M04, "{} port {}", server.name(), port);
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

RpcConnection::Socket RpcConnection::take_socket() {
    constexpr uint32_t k_half = 0x80000000U;
    Socket taken{{}, credentials_, first_xid_ + k_half};
    // libnfs closes its own descriptor, which resets nothing while there is another.
    if (!broken_) taken.fd.reset(fcntl(rpc_get_fd(context_), F_DUPFD_CLOEXEC, 0));
    reset();
    return taken;
}

RpcConnection::Pumped RpcConnection::pump(const bool& done, Duration timeout, const Interrupt& interrupt) {
    SystemClock clock;
    const BootTime deadline = clock.now() + timeout;
    Waiter waiter(interrupt);
    if (waiter.over()) return Pumped::interrupted;
    while (!done) {
        if (broken_) return Pumped::lost;
        std::vector<pollfd> fds(2);
        fds[1] = {fd(), static_cast<short>(events()), 0};
        if (waiter.wait(fds, deadline, clock) < 0) return Pumped::interrupted;
        if (fds[1].revents)
            service(fds[1].revents);
        else if (clock.now() >= deadline)
            return Pumped::lost;
    }
    return Pumped::done;
}

Result<uint16_t> RpcConnection::ask_port_mapper(ServerAddresses& server, int program, int version,
                                                Duration timeout, const Interrupt& interrupt) {
    SystemClock clock;
    const BootTime deadline = clock.now() + timeout;
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
    const Pumped pumped = (*connection)->pump(answer.done, deadline - clock.now(), interrupt);
    (*connection)->reset();
    if (pumped == Pumped::interrupted) return fail(ErrorCode::L05);
    if (pumped != Pumped::done || !answer.good)
        return fail(ErrorCode::M04, "port mapper: {} port {}: no answer", server.name(), k_port_mapper);
    if (answer.port == 0 || answer.port > 65535)
        return fail(ErrorCode::M05, "port mapper: {} port {} knows no program {} version {}", server.name(),
                    k_port_mapper, program, version);
    return static_cast<uint16_t>(answer.port);
}

}  // namespace berth::files
