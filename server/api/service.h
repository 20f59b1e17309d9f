// SPDX-License-Identifier: GPL-3.0-or-later
// The provisioner's answers (docs/architecture.md "Provisioner: HTTP"), independent of the HTTP library: a
// request by value in, a response by value out. Errors are {"code":"BERTH-P01","error":text,"help":text}.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/report.h"
#include "server/boot/decision.h"
#include "server/boot/images.h"
#include "server/boot/ipxe_script.h"
#include "server/model/text.h"
#include "server/store/bookkeeper.h"
#include "server/store/store.h"

namespace berth::server {

/// The largest body that any request may have.
inline constexpr size_t k_max_body = 64 * 1024;
/// After so long an image transfer that was refused may be tried again.
inline constexpr int k_retry_seconds = 5;

struct HttpRequest {
    std::string method;
    std::string target;                          ///< As on the request line, not decoded.
    std::map<std::string, std::string> headers;  ///< Names in lower case.
    std::string body;
    bool crowded = false;  ///< Too few connections are free for another image transfer.
};

struct HttpResponse {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    UniqueFd file;  ///< When set, `length` bytes of it from `offset` are the body.
    uint64_t offset = 0, length = 0;
};

struct ServiceConfig {
    std::string public_url;  ///< Empty: from each request's Host header.
    std::string boot_ipxe;   ///< The static script's text.
};

/// Any thread.
class Service {
  public:
    /// `make_token` gives 32 fresh hex digits. `later` takes what a boot leaves to be written; without it
    /// that is done at once. Either way its failure is reported and no answer: a token that cannot be written
    /// is good as long as this process lives.
    Service(ServiceConfig config, Store& store, const ImageFolder& images, Report& report,
            std::function<std::string()> make_token, std::function<void(Job)> later = {});
    HttpResponse handle(const HttpRequest& request);
    /// Runs `remove` unless a token that was given out and is not in the database yet refers to "NAME/BUILD";
    /// none that does is given out meanwhile. Returns what it returned.
    Status unless_awaited(const std::string& build, const std::function<Status()>& remove);
    /// 413, for whoever reads the body.
    HttpResponse too_large();

  private:
    Result<HttpResponse> route(const HttpRequest& request);
    Result<HttpResponse> boot_script(const HttpRequest& request);
    Result<HttpResponse> boot(const HttpRequest& request, const Target& target);
    Result<HttpResponse> machine(const HttpRequest& request, const Target& target);
    Result<HttpResponse> state(const HttpRequest& request, const Target& target);
    Result<HttpResponse> image(const HttpRequest& request, const Target& target);
    Result<HttpResponse> metrics();
    Result<std::string> base_url(const HttpRequest& request) const;
    struct BootToken {
        std::string machine, token, image,
            site;  ///< The builds as "NAME/BUILD"; empty: folders made by hand.
    };
    struct Admitted {
        Decision decision;
        std::optional<Machine> machine;
    };
    Result<Admitted> who_boots(const Hardware& seen, const Policy& policy);
    void write_later(const std::string& what, std::function<Status()> run,
                     std::function<void()> dropped = {});
    void keep_token(const BootToken& token);
    Status check_token(const std::string& id, const std::string& token);
    void admit(ScriptInput& script);

    ServiceConfig config_;
    Store& store_;
    const ImageFolder& images_;
    Report& report_;
    std::function<std::string()> make_token_;
    std::function<void(Job)> later_;
    std::mutex unwritten_mutex_;
    std::map<std::string, BootToken> unwritten_;        ///< By token: those not in the database yet.
    std::array<std::atomic<uint64_t>, 3> decisions_{};  ///< By Action.
    std::array<std::atomic<uint64_t>, 6> responses_{};  ///< By hundreds of the status.
    std::atomic<uint64_t> image_bytes_{0};
};

}  // namespace berth::server
