// SPDX-License-Identifier: GPL-3.0-or-later
// HTTP as early boot needs it: one request at a time, bounded, bytes handed on as they come.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace berth::boot {

struct HttpRequest {
    std::string url;
    std::vector<std::string> headers;  ///< "Name: value"
    uint64_t from = 0;  ///< First byte wanted (RFC 9110 14.2); a server without ranges is dealt with.
    std::string post;   ///< A JSON body: POST instead of GET.
};

struct HttpTimes {
    std::chrono::milliseconds connect{10'000};
    std::chrono::seconds stall{15};  ///< Less than 1 KiB/s for so long ends the transfer.
    std::chrono::seconds total{0};   ///< 0: no bound; for small requests.
};

class Http {
  public:
    /// Gets the body of a 2xx answer, starting at `from`. Its error ends the transfer and is what perform()
    /// returns.
    using Sink = std::function<Status(std::string_view bytes)>;
    virtual ~Http() = default;
    /// B02 naming the URL when the transfer failed or was cut short, and for any status but 2xx. Redirects
    /// are not followed.
    virtual Status perform(const HttpRequest& request, const HttpTimes& times, const Sink& sink) = 0;
    /// The HTTP status that perform() was last answered with; 0: no answer came.
    virtual long answer() const = 0;
};

/// libcurl; keeps its connection between requests. One thread.
std::unique_ptr<Http> make_curl_http();

}  // namespace berth::boot
