// SPDX-License-Identifier: GPL-3.0-or-later
#include "net/http_server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <thread>
#include <unordered_map>

#include "base/no_throw.h"
#include "base/text.h"
#include "net/admission.h"

namespace berth::net {

/// The library's threads come in by the callbacks below.
struct HttpServer::Connections {
    Connections(const RouteTable& table, Listener which, AdmissionLimits limits)
        : routes(table), listener(which), table_(limits), thread_([this](const std::stop_token& stop) {
              while (!no_throw("HTTP server: admission", false, [&] { return watch(stop), true; }) &&
                     !stop.stop_requested()) {
              }
          }) {}

    static void notify(void* self, MHD_Connection* connection, void** context,
                       MHD_ConnectionNotificationCode code) {
        auto& all = *static_cast<Connections*>(self);
        // One that there is no memory for is not counted.
        no_throw("HTTP server: a connection", [&] {
            if (code == MHD_CONNECTION_NOTIFY_STARTED)
                *context = reinterpret_cast<void*>(all.open(connection));
            else
                all.close(reinterpret_cast<Admission::Id>(*context));
        });
    }
    static Admission::Id id_of(MHD_Connection* connection) {
        const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        return info == nullptr ? 0 : reinterpret_cast<Admission::Id>(info->socket_context);
    }
    /// Whether too few are free for another transfer.
    bool completed(MHD_Connection* connection) {
        std::lock_guard lock(mutex_);
        table_.completed(id_of(connection));
        return table_.crowded();
    }
    void answered(MHD_Connection* connection) {
        std::lock_guard lock(mutex_);
        table_.answered(id_of(connection), clock_.now());
    }

    const RouteTable& routes;
    const Listener listener;

  private:
    Admission::Id open(MHD_Connection* connection) {
        const int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        const auto* address =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
        std::string key;
        if (address->sa_family == AF_INET) {
            const auto& v4 = reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
            key.assign(reinterpret_cast<const char*>(&v4), sizeof v4);
        } else if (address->sa_family == AF_INET6) {
            const auto& v6 = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
            key.assign(reinterpret_cast<const char*>(&v6), sizeof v6);
        }
        std::lock_guard lock(mutex_);
        const auto opened = table_.opened(key, clock_.now());
        fds_[opened.id] = fd;
        end(opened.end);
        return opened.id;
    }
    void close(Admission::Id id) {
        std::lock_guard lock(mutex_);
        table_.closed(id);
        fds_.erase(id);
    }
    /// With the mutex held: the library says that a connection is closed before it closes the descriptor, so
    /// what is in the table is open. A shutdown is what its own thread sees next, and it ends the connection.
    void end(const std::vector<Admission::Id>& ids) {
        for (const auto id : ids)
            if (const auto found = fds_.find(id); found != fds_.end()) shutdown(found->second, SHUT_RDWR);
    }
    void watch(const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        while (!stop.stop_requested()) {
            changed_.wait_for(lock, stop, std::chrono::milliseconds(500), [] { return false; });
            end(table_.late(clock_.now()));
        }
    }

    SystemClock clock_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    Admission table_;
    std::unordered_map<Admission::Id, int> fds_;
    std::jthread thread_;  ///< Last: it uses all of the above.
};

namespace {

/// One request on its way in. Made when the request line is there, gone when the response is out.
struct Incoming {
    Request request;
    size_t longest_body = 0;
    bool started = false;
    bool too_large = false;
};

/// The raw target: decoding is ours (net/request_target.h), so that no byte is lost on the way.
void* begin_request(void*, const char* uri, MHD_Connection*) {
    return no_throw("HTTP server: a request", static_cast<Incoming*>(nullptr), [&] {
        auto incoming = std::make_unique<Incoming>();
        incoming->request.target = uri;
        return incoming.release();
    });
}

template <typename Connections>
void end_request(void* connections, MHD_Connection* connection, void** state, MHD_RequestTerminationCode) {
    delete static_cast<Incoming*>(*state);
    *state = nullptr;
    no_throw("HTTP server: a request", [&] { static_cast<Connections*>(connections)->answered(connection); });
}

size_t leave_escaped(void*, MHD_Connection*, char* text) {
    return strlen(text);
}

MHD_Result take_header(void* map, MHD_ValueKind, const char* name, const char* value) {
    return no_throw("HTTP server: a header", MHD_NO, [&] {
        static_cast<decltype(Request::headers)*>(map)->emplace(lower_case(name),
                                                               value == nullptr ? "" : value);
        return MHD_YES;
    });
}

MHD_Result send_response(MHD_Connection* connection, Response response, bool close) {
    MHD_Response* out = nullptr;
    if (response.file) {
        const int fd = response.file.release();
        out = MHD_create_response_from_fd_at_offset64(response.length, fd, response.offset);
        if (out == nullptr) ::close(fd);
    } else {
        out = MHD_create_response_from_buffer(response.body.size(), response.body.data(),
                                              MHD_RESPMEM_MUST_COPY);
    }
    if (out == nullptr) return MHD_NO;
    for (const auto& [name, value] : response.headers)
        MHD_add_response_header(out, name.c_str(), value.c_str());
    if (close) MHD_add_response_header(out, "Connection", "close");
    const MHD_Result result = MHD_queue_response(connection, static_cast<unsigned>(response.status), out);
    MHD_destroy_response(out);
    return result;
}

template <typename Connections>
MHD_Result answer(void* self, MHD_Connection* connection, const char*, const char* method, const char*,
                  const char* upload, size_t* upload_size, void** state) {
    auto* incoming = static_cast<Incoming*>(*state);
    if (incoming == nullptr) return MHD_NO;
    auto& connections = *static_cast<Connections*>(self);
    const RouteTable& routes = connections.routes;
    // The connection ends, the server goes on.
    return no_throw("HTTP server: a request", MHD_NO, [&] {
        Request& request = incoming->request;
        if (!incoming->started) {
            incoming->started = true;
            request.method = method;
            MHD_get_connection_values(connection, MHD_HEADER_KIND, take_header, &request.headers);
            const auto length = request.headers.find("content-length");
            uint64_t announced = 0;
            if (length != request.headers.end())
                std::from_chars(length->second.data(), length->second.data() + length->second.size(),
                                announced);
            incoming->longest_body = routes.longest_body(request, connections.listener);
            if (announced <= incoming->longest_body) return MHD_YES;
            return send_response(connection, routes.too_large(incoming->longest_body), true);
        }
        if (*upload_size != 0) {
            if (request.body.size() + *upload_size > incoming->longest_body)
                incoming->too_large = true;  // A chunked body; the rest is read and dropped.
            else
                request.body.append(upload, *upload_size);
            *upload_size = 0;
            return MHD_YES;
        }
        request.crowded = connections.completed(connection);
        if (incoming->too_large)
            return send_response(connection, routes.too_large(incoming->longest_body), true);
        return send_response(connection, routes.answer(request, connections.listener), false);
    });
}

struct Socket {
    UniqueFd fd;
    std::string address;
};

Result<Socket> listen_on(const std::string& where, ErrorCode failed) {
    const auto bad = [&] { return fail(failed, "{}: must be ADDRESS:PORT", where); };
    const size_t colon = where.rfind(':');
    if (colon == std::string::npos) return bad();
    std::string host = where.substr(0, colon);
    const auto port = parse_port(where.substr(colon + 1));
    if (!port) return bad();
    const bool six = host.starts_with("[") && host.ends_with("]");
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(*port);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(*port);
    if (six) {
        if (inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6.sin6_addr) != 1) return bad();
    } else if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) != 1) {
        return bad();
    }
    Socket listener;
    listener.fd.reset(socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1;
    auto* address = six ? reinterpret_cast<sockaddr*>(&v6) : reinterpret_cast<sockaddr*>(&v4);
    socklen_t size = six ? sizeof v6 : sizeof v4;
    if (!listener.fd || setsockopt(listener.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(listener.fd.get(), address, size) != 0 || listen(listener.fd.get(), 256) != 0 ||
        getsockname(listener.fd.get(), address, &size) != 0)
        return fail(failed, "{}: {}", where, strerror(errno));
    listener.address = fmt::format("{}:{}", host, ntohs(six ? v6.sin6_port : v4.sin_port));
    return listener;
}

}  // namespace

void HttpServer::Stop::operator()(MHD_Daemon* daemon) const {
    MHD_stop_daemon(daemon);
}

HttpServer::HttpServer(std::unique_ptr<Connections> connections, std::unique_ptr<MHD_Daemon, Stop> daemon,
                       std::string address)
    : connections_(std::move(connections)), daemon_(std::move(daemon)), address_(std::move(address)) {}
HttpServer::HttpServer(HttpServer&&) noexcept = default;
HttpServer::~HttpServer() = default;

Result<HttpServer> HttpServer::start(const std::string& where, const RouteTable& routes, Listener listener,
                                     ErrorCode failed, AdmissionLimits limits) {
    auto socket = BERTH_TRY(listen_on(where, failed));
    auto connections = std::make_unique<Connections>(routes, listener, limits);
    // The library shares its limit out to its threads, and one of them may have got all the connections: so
    // its limit is only above ours, with room for those that are being ended.
    const auto room = static_cast<unsigned>(k_http_threads * 2 * limits.connections);
    std::unique_ptr<MHD_Daemon, Stop> daemon(MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, nullptr, nullptr, &answer<Connections>,
        connections.get(),                                                          //
        MHD_OPTION_LISTEN_SOCKET, socket.fd.get(),                                  //
        MHD_OPTION_THREAD_POOL_SIZE, k_http_threads,                                //
        MHD_OPTION_CONNECTION_TIMEOUT, k_http_idle_seconds,                         //
        MHD_OPTION_CONNECTION_LIMIT, room,                                          //
        MHD_OPTION_URI_LOG_CALLBACK, &begin_request, nullptr,                       //
        MHD_OPTION_NOTIFY_COMPLETED, &end_request<Connections>, connections.get(),  //
        MHD_OPTION_NOTIFY_CONNECTION, &Connections::notify, connections.get(),      //
        MHD_OPTION_UNESCAPE_CALLBACK, &leave_escaped, nullptr,                      //
        MHD_OPTION_END));
    if (!daemon) return fail(failed, "{}: the HTTP library cannot start", where);
    (void)socket.fd.release();  // The daemon closes it.
    return HttpServer(std::move(connections), std::move(daemon), socket.address);
}

}  // namespace berth::net
