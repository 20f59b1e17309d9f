// SPDX-License-Identifier: GPL-3.0-or-later
// One HTTP request at a time (RFC 9112), bounded, bytes handed on as they come: images, records and reports between
// a workstation and its provisioner.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berth::net {

struct HttpRequest {
    std::string url;
    std::vector<std::string> headers = {};  ///< "Name: value"
    uint64_t from = 0;  ///< First byte wanted (RFC 9110 14.2); a server without ranges is dealt with.
    std::string method = "GET";  ///< Not HEAD; one with a body, or DELETE.
    std::string body = {};       ///< JSON, unless empty.
};

struct HttpTimes {
    std::chrono::milliseconds connect{10'000};
    std::chrono::seconds stall{15};      ///< Less than 1 KiB/s for so long ends the transfer; 0: no bound.
    std::chrono::milliseconds total{0};  ///< 0: no bound; for small requests.
};

class HttpClient {
  public:
    /// Gets the body of a 2xx answer, starting at `from`. Its error ends the transfer and is what perform()
    /// returns.
    using Sink = std::function<Status(std::string_view bytes)>;
    virtual ~HttpClient() = default;
    /// An error naming the URL when the transfer failed or was cut short, and for any status but 2xx. Redirects
    /// are not followed; a proxy of the environment is not used.
    virtual Status perform(const HttpRequest& request, const HttpTimes& times, const Sink& sink) = 0;
    /// The HTTP status that perform() was last answered with; 0: no answer came.
    virtual long answer() const = 0;
};

/// libcurl; keeps its connection between requests. Its errors have the code `failed`. One thread.
std::unique_ptr<HttpClient> make_http_client(ErrorCode failed);

/// The whole body of an answer, at most `limit` bytes.
Result<std::string> fetch_text(HttpClient& http, const HttpRequest& request, const HttpTimes& times,
                               size_t limit, ErrorCode too_long);

}  // namespace berth::net
