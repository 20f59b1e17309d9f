// SPDX-License-Identifier: GPL-3.0-or-later
// HTTP/1.1 over libmicrohttpd: a pool of k_http_threads threads of the library's, each with its own epoll
// loop (internal polling); the rows of the route table are called on them. Files go out by sendfile(2). A body
// above the row's limit is answered 413 before it is read. Who may stay connected says net/admission.h; one
// more thread ends the connections that bring no complete request in time.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "net/admission.h"
#include "net/route_table.h"

struct MHD_Daemon;

namespace berth::net {

inline constexpr unsigned k_http_threads = 4;
/// An answer that nobody reads on is given up after so long.
inline constexpr unsigned k_http_idle_seconds = 30;

class HttpServer {
  public:
    /// `where` is ADDR:PORT, an IPv4 address or an IPv6 one in brackets; port 0 takes a free one. Its requests
    /// are answered by the rows of `listener`. `routes` outlives the server.
    /// `failed` names what is wrong with `where`.
    static Result<HttpServer> start(const std::string& where, const RouteTable& routes, Listener listener,
                                    ErrorCode failed, AdmissionLimits limits = {});
    HttpServer(HttpServer&&) noexcept;
    ~HttpServer();  ///< Ends the listening and all connections.

    /// ADDR:PORT with the real port.
    const std::string& address() const { return address_; }

  private:
    struct Connections;  ///< Those that are open, with their rules.
    struct Stop {
        void operator()(MHD_Daemon* daemon) const;
    };
    HttpServer(std::unique_ptr<Connections> connections, std::unique_ptr<MHD_Daemon, Stop> daemon,
               std::string address);
    std::unique_ptr<Connections> connections_;  ///< Outlives the daemon, whose threads use it.
    std::unique_ptr<MHD_Daemon, Stop> daemon_;
    std::string address_;
};

}  // namespace berth::net
