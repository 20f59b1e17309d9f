// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/status_post.h"

#include "base/fd.h"
#include "base/plain_text.h"

namespace berth::boot {

nlohmann::json stage_status(std::string_view boot_id, std::string_view stage, int percent,
                            std::string_view error) {
    nlohmann::json body = {{"boot_id", boot_id}, {"stage", stage}, {"error", nullptr}};
    if (percent >= 0) body["percent"] = percent;
    // What a tool or a server said may be anything.
    if (!error.empty()) body["error"] = printable(error, 512);
    return body;
}

net::HttpRequest machine_request(const BootParameters& parameters, std::string_view what) {
    net::HttpRequest request{
        .url = fmt::format("{}/v1/machines/{}/{}", parameters.provisioner, parameters.machine, what)};
    if (!parameters.token.empty()) request.headers.push_back("Berth-Boot: " + parameters.token);
    return request;
}

bool StatusPoster::post(const nlohmann::json& body) {
    if (!parameters_.has_record() || clock_.now() < not_before_) return false;
    net::HttpRequest request = machine_request(parameters_, "status");
    request.method = "POST";
    request.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const net::HttpTimes times{.connect = std::chrono::seconds(3),
                               .stall = std::chrono::seconds(3),
                               .total = std::chrono::seconds(5)};
    const Status status = http_.perform(request, times, [](std::string_view) { return Status{}; });
    if (!status) not_before_ = clock_.now() + std::chrono::seconds(15);
    return status.has_value();
}

std::string read_boot_id() {
    auto text = read_file("/proc/sys/kernel/random/boot_id", 64);
    if (!text) return {};
    while (text->ends_with('\n')) text->pop_back();
    return *text;
}

}  // namespace berth::boot
