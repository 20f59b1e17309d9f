// SPDX-License-Identifier: GPL-3.0-or-later
// Status posts to the provisioner (docs/architecture.md "Provisioner: HTTP").
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.h"
#include "bootstrap/initramfs/boot_parameters.h"
#include "net/http_client.h"

namespace berth::boot {

/// The body of a post about a stage; `percent` -1 and an empty `error` mean none.
nlohmann::json stage_status(std::string_view boot_id, std::string_view stage, int percent,
                            std::string_view error);

/// Posts are a courtesy: short, never an obstacle. After one that failed nothing is sent for 15 s. One
/// thread.
class StatusPoster {
  public:
    StatusPoster(BootParameters parameters, net::HttpClient& http, Clock& clock)
        : parameters_(std::move(parameters)), http_(http), clock_(clock) {}
    /// False when it was not delivered.
    bool post(const nlohmann::json& body);

  private:
    BootParameters parameters_;
    net::HttpClient& http_;
    Clock& clock_;
    BootTime not_before_{};
};

/// URL of this workstation's `what` ("record", "status") and the header that proves the boot.
net::HttpRequest machine_request(const BootParameters& parameters, std::string_view what);

/// /proc/sys/kernel/random/boot_id, or empty.
std::string read_boot_id();

}  // namespace berth::boot
