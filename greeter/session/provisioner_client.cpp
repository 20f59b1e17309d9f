// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/provisioner_client.h"

#include <curl/curl.h>

#include <memory>

#include "base/no_throw.h"

namespace berth::session {
namespace {

constexpr long k_timeout_ms = 3000;
constexpr size_t k_max_answer = 4 << 20;

size_t take(char* data, size_t size, size_t count, void* to) {
    auto& text = *static_cast<std::string*>(to);
    if (text.size() + size * count > k_max_answer) return 0;
    return no_throw("berth: an answer of the provisioner", size_t{0}, [&] {
        text.append(data, size * count);
        return size * count;
    });
}

}  // namespace

Result<ProvisionerClient::Answer> ProvisionerClient::request(const char* method, const std::string& path,
                                                             std::optional<std::string_view> body) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(ready == CURLE_OK ? curl_easy_init() : nullptr,
                                                             curl_easy_cleanup);
    if (!curl) return fail(ErrorCode::I01, "curl_easy_init");
    std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(
        curl_slist_append(nullptr, ("Berth-Boot: " + provisioner_.token).c_str()), curl_slist_free_all);
    if (body) curl_slist_append(headers.get(), "Content-Type: application/json");

    Answer answer{};
    const std::string url = fmt::format("{}/v1/machines/{}{}", provisioner_.url, provisioner_.machine, path);
    char message[CURL_ERROR_SIZE] = "";
    CURL* c = curl.get();
    curl_easy_setopt(c, CURLOPT_URL, url.c_str());
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, k_timeout_ms);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, message);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &answer.body);
    if (body) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, static_cast<long>(body->size()));
        curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS, body->data());
    }
    if (const CURLcode code = curl_easy_perform(c); code != CURLE_OK)
        return fail(ErrorCode::I01, "{} {}: {}", method, url,
                    message[0] != '\0' ? message : curl_easy_strerror(code));
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &answer.code);
    if (answer.code >= 300 && answer.code != 404)
        return fail(ErrorCode::I01, "{} {}: HTTP {}", method, url, answer.code);
    return answer;
}

Status ProvisionerClient::put(const std::string& name, std::string_view text) {
    auto answer = request("PUT", "/state/" + name, text);
    if (!answer) return fail(answer.error());
    if (answer->code == 404) return fail(ErrorCode::I01, "the provisioner does not know this machine");
    return {};
}

Status ProvisionerClient::remove(const std::string& name) {
    auto answer = request("DELETE", "/state/" + name, std::nullopt);
    return answer ? Status{} : fail(answer.error());
}

Result<std::map<std::string, std::string>> ProvisionerClient::all() {
    auto answer = request("GET", "/state", std::nullopt);
    if (!answer) return fail(answer.error());
    std::map<std::string, std::string> result;
    if (answer->code == 404) return result;
    const auto list = nlohmann::json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
    // Either the names alone or an object whose "states" holds them.
    const nlohmann::json* names = list.is_array()                               ? &list
                                  : list.is_object() && list.contains("states") ? &list["states"]
                                                                                : nullptr;
    if (names == nullptr || !names->is_array())
        return fail(ErrorCode::I01, "GET state: must be a JSON list of names");
    for (const auto& name : *names) {
        if (!name.is_string() || !is_session_name(name.get_ref<const std::string&>())) continue;
        auto one = request("GET", "/state/" + name.get<std::string>(), std::nullopt);
        if (!one) return fail(one.error());
        if (one->code != 404) result[name.get<std::string>()] = std::move(one->body);
    }
    return result;
}

Status ProvisionerClient::report_session(const std::string& boot_id, const nlohmann::json& session) {
    const std::string body = nlohmann::json{{"boot_id", boot_id}, {"session", session}}.dump(
        -1, ' ', false, nlohmann::json::error_handler_t::replace);
    auto answer = request("POST", "/status", body);
    return answer ? Status{} : fail(answer.error());
}

std::optional<Provisioner> find_provisioner(std::string_view command_line, std::string_view record_id,
                                            std::string_view record_token) {
    Provisioner p{.url = {}, .machine = std::string(record_id), .token = std::string(record_token)};
    while (!command_line.empty()) {
        const size_t end = command_line.find_first_of(" \n\t");
        const std::string_view word = command_line.substr(0, end);
        const auto value = [&word](std::string_view key) -> std::string_view {
            return word.starts_with(key) ? word.substr(key.size()) : std::string_view{};
        };
        if (auto v = value("berth.provisioner="); !v.empty()) p.url = v;
        if (auto v = value("berth.machine="); !v.empty() && p.machine.empty()) p.machine = v;
        if (auto v = value("berth.boot="); !v.empty() && p.token.empty()) p.token = v;
        command_line = end == std::string_view::npos ? std::string_view{} : command_line.substr(end + 1);
    }
    while (p.url.ends_with('/')) p.url.pop_back();
    if (p.url.empty() || p.machine.empty()) return std::nullopt;
    return p;
}

}  // namespace berth::session
