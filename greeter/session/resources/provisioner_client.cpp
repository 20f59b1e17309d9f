// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/resources/provisioner_client.h"

#include <nlohmann/json.hpp>

#include "base/record/command_line.h"
#include "base/strict_json.h"
#include "net/http_client.h"

namespace berth::session {
namespace {

constexpr net::HttpTimes k_times{.stall = std::chrono::seconds(0), .total = std::chrono::seconds(3)};
constexpr size_t k_max_answer = 4 << 20;
const JsonFormat k_names{.name = "the provisioner's list of states",
                         .code = ErrorCode::I01,
                         .unknown = JsonFormat::ignore,
                         .why = "may be of another version, and names that are no session's are passed over",
                         .longest = k_max_answer};

}  // namespace

Result<std::optional<std::string>> ProvisionerClient::request(const char* method, const std::string& path,
                                                              std::string_view body) {
    const auto http = net::make_http_client(ErrorCode::I01);
    auto text = net::fetch_text(
        *http,
        {.url = fmt::format("{}/v1/machines/{}{}", provisioner_.url, provisioner_.machine, path),
         .headers = {"Berth-Boot: " + provisioner_.token},
         .method = method,
         .body = std::string(body)},
        k_times, k_max_answer, ErrorCode::I01);
    if (text) return std::move(*text);
    if (http->answer() == 404) return std::nullopt;
    return fail(text.error().with_prefix(method));
}

Status ProvisionerClient::put(const std::string& name, std::string_view text) {
    auto answer = BERTH_TRY(request("PUT", "/state/" + name, text));
    if (!answer) return fail(ErrorCode::I01, "the provisioner does not know this workstation");
    return {};
}

Status ProvisionerClient::remove(const std::string& name) {
    auto answer = request("DELETE", "/state/" + name);
    return answer ? Status{} : fail(answer.error());
}

Result<std::map<std::string, std::string>> ProvisionerClient::all() {
    auto answer = BERTH_TRY(request("GET", "/state"));
    std::map<std::string, std::string> result;
    if (!answer) return result;
    const auto names = BERTH_TRY(parse_json(*answer, k_names));
    if (!names.is_array()) return fail(ErrorCode::I01, "{}: must be a list", k_names.name);
    for (const auto& item : names) {
        const std::string* name = json_text(item);
        if (name == nullptr || !is_session_name(*name)) continue;
        auto one = BERTH_TRY(request("GET", "/state/" + *name));
        if (one) result[*name] = std::move(*one);
    }
    return result;
}

Status ProvisionerClient::report_session(const std::string& boot_id,
                                         const std::optional<RunningSession>& session) {
    nlohmann::json running;
    if (session) running = {{"user", session->user}, {"vm", session->vm}, {"since", session->since}};
    const std::string body = dump_json({{"boot_id", boot_id}, {"session", running}});
    auto answer = request("POST", "/status", body);
    return answer ? Status{} : fail(answer.error());
}

std::optional<Provisioner> find_provisioner(std::string_view command_line, std::string_view record_id,
                                            std::string_view record_token) {
    Provisioner p{.url = command_line_value(command_line, "berth.provisioner"),
                  .machine = std::string(record_id),
                  .token = std::string(record_token)};
    if (p.machine.empty()) p.machine = command_line_value(command_line, "berth.machine");
    if (p.token.empty()) p.token = command_line_value(command_line, "berth.boot");
    while (p.url.ends_with('/')) p.url.pop_back();
    if (p.url.empty() || p.machine.empty()) return std::nullopt;
    return p;
}

}  // namespace berth::session
