// SPDX-License-Identifier: GPL-3.0-or-later
// Which address is answered by what: one list of rows, from which 404, 405 with Allow, 413 and 503 follow.
// Independent of the HTTP library (net/http_server.h): a request by value in, a response by value out.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "net/request_target.h"

namespace berth::net {

inline constexpr size_t k_longest_body = 64 * 1024;
/// After so long a transfer that was refused may be tried again.
inline constexpr int k_retry_seconds = 5;

/// Whom a server listens to: workstations, or administrators.
enum class Listener { boot, admin };

struct Request {
    std::string method;
    std::string target;                                         ///< As on the request line, not decoded.
    std::map<std::string, std::string, std::less<>> headers{};  ///< Names in lower case.
    std::string body{};
    bool crowded = false;  ///< Too few connections are free for another transfer.
};

struct Response {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers{};
    std::string body{};
    UniqueFd file{};  ///< When set, `length` bytes of it from `offset` are the body.
    uint64_t offset = 0, length = 0;
};

/// A request that a row matched. Each function gives the empty text for what is not there.
class Call {
  public:
    Call(const Request& request, const Target& target) : request_(request), target_(target) {}
    const std::string& method() const { return request_.method; }
    const std::string& body() const { return request_.body; }
    std::string header(std::string_view lower_case_name) const;
    std::string query(std::string_view name) const;
    /// Of the path, counted from 0.
    std::string part(size_t at) const;

  private:
    const Request& request_;
    const Target& target_;
};

struct Route {
    std::string_view methods;  ///< "GET" or "GET, HEAD", as Allow has it.
    std::string_view path;  ///< "/v1/machines/{id}/record": {...} is one part of the path, whatever it holds.
    Listener listener;
    std::function<Result<Response>(const Call&)> answer;
    size_t longest_body = k_longest_body;
    bool transfer = false;  ///< May take long: no GET of it begins while the server is crowded (503).
};

/// A condition of all paths below one: nothing is said of such a path, not even that it is none, before
/// `check` has passed.
struct Gate {
    std::string_view above;  ///< "/v1/machines/{id}"
    Listener listener;
    std::function<Status(const Call&)> check;
};

/// Whoever has the rows says what is wrong in codes of its own, and how an error looks.
struct RouteErrors {
    ErrorCode malformed;  ///< A target that is none.
    ErrorCode unknown;    ///< A path that no row has.
    ErrorCode too_large;  ///< A body that is too long.
    ErrorCode method;     ///< A method that no row of the path has; the response gets Allow.
    std::function<Response(const Error&)> answer;  ///< Of these, and of a row's or a gate's error.
};

/// Any thread.
class RouteTable {
  public:
    RouteTable(std::vector<Route> routes, std::vector<Gate> gates, RouteErrors errors);

    Response answer(const Request& request, Listener listener) const;
    /// How many bytes the body of such a request may have.
    size_t longest_body(const Request& request, Listener listener) const;
    /// To a request with a longer one.
    Response too_large(size_t longest) const;
    /// How many responses there were with a status of so many hundreds, 1 to 5.
    uint64_t responses(size_t hundreds) const { return responses_.at(hundreds); }

  private:
    struct Match {
        const Route* route = nullptr;
        std::string allow;  ///< What the path's rows allow; empty: no row has the path.
    };
    Match match(const std::string& method, const std::vector<std::string>& path, Listener listener) const;
    Result<Response> route(const Request& request, Listener listener) const;
    Response counted(Response response) const;

    std::vector<Route> routes_;
    std::vector<Gate> gates_;
    RouteErrors errors_;
    mutable std::array<std::atomic<uint64_t>, 6> responses_{};
};

}  // namespace berth::net
