// SPDX-License-Identifier: GPL-3.0-or-later
// The provisioner's answers (docs/architecture.md "Provisioner: HTTP"); server/api/routes.cpp has the list of
// addresses. Errors are {"code":"BERTH-P01","error":text,"help":text}.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "net/route_table.h"
#include "server/boot/decision.h"
#include "server/boot/images.h"
#include "server/boot/ipxe_script.h"
#include "server/model/text.h"
#include "server/store/bookkeeper.h"
#include "server/store/store.h"

namespace berth::server {

struct ServiceConfig {
    std::string public_url;  ///< Empty: from each request's Host header.
    std::string boot_ipxe;   ///< The static script's text.
};

/// Any thread.
class Service {
  public:
    /// `make_token` gives 32 fresh hex digits. `later` takes what a boot leaves to be written; without it
    /// that is written at once. A failed write is reported and fails no request: a token that cannot be written
    /// is good as long as this process lives.
    Service(ServiceConfig config, Store& store, const ImageFolder& images, Report& report,
            std::function<std::string()> make_token, std::function<void(Job)> later = {});
    const net::RouteTable& routes() const { return routes_; }
    /// Runs `remove` and returns its result, unless a token that is not in the database yet refers to
    /// "NAME/BUILD". No token that does is given out meanwhile.
    Status unless_awaited(const std::string& build, const std::function<Status()>& remove);

  private:
    std::vector<net::Route> rows();
    std::vector<net::Gate> gates();
    net::Response refuse(const Error& error);
    Status own_token(const net::Call& call);
    Result<net::Response> boot_script(const net::Call& call);
    Result<net::Response> boot(const net::Call& call);
    Result<net::Response> record(const net::Call& call);
    Result<net::Response> post_status(const net::Call& call);
    Result<net::Response> state_names(const net::Call& call);
    Result<net::Response> read_state(const net::Call& call);
    Result<net::Response> write_state(const net::Call& call);
    Result<net::Response> remove_state(const net::Call& call);
    Result<net::Response> image(const net::Call& call);
    Result<net::Response> metrics(const net::Call& call);
    Result<std::string> base_url(const net::Call& call) const;
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
    std::atomic<uint64_t> image_bytes_{0};
    net::RouteTable routes_;  ///< Last: its rows call the above.
};

}  // namespace berth::server
