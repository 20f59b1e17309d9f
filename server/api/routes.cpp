// SPDX-License-Identifier: GPL-3.0-or-later
// The provisioner's addresses. docs/architecture.md "Provisioner: HTTP" has the same list; a test compares them.
#include "server/api/service.h"

namespace berth::server {

std::vector<net::Route> Service::rows() {
    using net::k_longest_body;
    using net::Listener;
    const auto to = [this](Result<net::Response> (Service::*answer)(const net::Call&)) {
        return [this, answer](const net::Call& call) { return (this->*answer)(call); };
    };
    return {
        {"GET, HEAD", "/boot.ipxe", Listener::boot, to(&Service::boot_script)},
        {"GET", "/v1/boot", Listener::boot, to(&Service::boot)},
        {"GET", "/v1/machines/{id}/record", Listener::boot, to(&Service::record)},
        {"GET, HEAD", "/images/{image}/{build}/{file}", Listener::boot, to(&Service::image), k_longest_body,
         true},
        {"GET, HEAD", "/images/{image}/{file}", Listener::boot, to(&Service::image), k_longest_body, true},
        {"POST", "/v1/machines/{id}/status", Listener::boot, to(&Service::post_status)},
        {"GET", "/v1/machines/{id}/state", Listener::boot, to(&Service::state_names)},
        {"GET", "/v1/machines/{id}/state/{name}", Listener::boot, to(&Service::read_state)},
        {"PUT", "/v1/machines/{id}/state/{name}", Listener::boot, to(&Service::write_state)},
        {"DELETE", "/v1/machines/{id}/state/{name}", Listener::boot, to(&Service::remove_state)},
        {"GET, HEAD", "/metrics", Listener::boot, to(&Service::metrics)},
    };
}

std::vector<net::Gate> Service::gates() {
    return {{"/v1/machines/{id}", net::Listener::boot,
             [this](const net::Call& call) { return own_token(call); }}};
}

}  // namespace berth::server
