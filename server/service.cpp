// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/service.h"

#include <sys/random.h>

#include <algorithm>

#include "server/decision.h"
#include "server/ipxe_script.h"

namespace berth::server {
namespace {

std::string header(const HttpRequest& request, const char* name) {
    const auto found = request.headers.find(name);
    return found == request.headers.end() ? std::string() : found->second;
}

int http_status(ErrorCode code) {
    switch (code) {
        case ErrorCode::P01:
        case ErrorCode::P06:
            return 400;
        case ErrorCode::P02:
            return 404;
        case ErrorCode::P03:
            return 403;
        case ErrorCode::P07:
            return 409;
        case ErrorCode::P08:
            return 413;
        case ErrorCode::P09:
            return 405;
        default:
            return 500;
    }
}

HttpResponse plain(std::string body) {
    return {.status = 200,
            .headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}},
            .body = std::move(body)};
}

HttpResponse json_response(const nlohmann::json& body, int status = 200) {
    return {.status = status,
            .headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
            .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

HttpResponse nothing() {
    return {.status = 204, .headers = {{"Cache-Control", "no-store"}}, .body = {}};
}

HttpResponse error_response(const Error& error) {
    return json_response(
        {{"code", std::string(code_name(error.code()))},
         {"error", error.detail().empty() ? std::string(code_summary(error.code())) : error.detail()},
         {"help", std::string(code_help(error.code()))}},
        http_status(error.code()));
}

std::string query(const Target& target, const char* name) {
    const auto found = target.query.find(name);
    return found == target.query.end() ? std::string() : found->second;
}

/// P09 with the methods that are allowed.
Status allow(const HttpRequest& request, std::initializer_list<std::string_view> methods) {
    if (std::find(methods.begin(), methods.end(), request.method) != methods.end()) return {};
    std::string list;
    for (auto m : methods) list += (list.empty() ? "" : ", ") + std::string(m);
    return fail(ErrorCode::P09, "{}", list);
}

/// Entity tags of If-None-Match (RFC 9110 13.1.2): weak comparison.
bool any_tag_matches(std::string_view list, std::string_view tag) {
    while (!list.empty()) {
        const size_t comma = list.find(',');
        std::string_view item = list.substr(0, comma);
        list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
        while (item.starts_with(' ')) item.remove_prefix(1);
        while (item.ends_with(' ')) item.remove_suffix(1);
        if (item.starts_with("W/")) item.remove_prefix(2);
        if (item == "*" || item == tag) return true;
    }
    return false;
}

}  // namespace

std::string random_token() {
    unsigned char bytes[16];
    size_t have = 0;
    while (have < sizeof bytes)
        if (const ssize_t n = getrandom(bytes + have, sizeof bytes - have, 0); n > 0)
            have += static_cast<size_t>(n);
    std::string token;
    for (unsigned char b : bytes) token += fmt::format("{:02x}", b);
    return token;
}

Service::Service(ServiceConfig config, Store& store, const ImageFolder& images, Report& report,
                 std::function<std::string()> make_token)
    : config_(std::move(config)),
      store_(store),
      images_(images),
      report_(report),
      make_token_(std::move(make_token)) {}

HttpResponse Service::handle(const HttpRequest& request) {
    auto result = route(request);
    HttpResponse response = result ? std::move(*result) : error_response(result.error());
    if (!result && result.error().code() == ErrorCode::P09)
        response.headers.emplace_back("Allow", result.error().detail());
    if (response.status >= 500)
        report_.event(Level::error, "request failed", {{"error", result.error().to_log()}});
    ++responses_[static_cast<size_t>(std::clamp(response.status / 100, 1, 5))];
    return response;
}

HttpResponse Service::too_large() {
    ++responses_[4];
    return error_response(Error(ErrorCode::P08, fmt::format("body: must be at most {} bytes", k_max_body)));
}

Result<HttpResponse> Service::route(const HttpRequest& request) {
    auto target = parse_target(request.target);
    if (!target) return fail(target.error());
    const auto& path = target->path;
    const auto is = [&](size_t at, std::string_view word) { return path.size() > at && path[at] == word; };
    if (path.size() == 1 && is(0, "boot.ipxe")) return boot_script(request);
    if (path.size() == 1 && is(0, "metrics")) {
        if (auto ok = allow(request, {"GET", "HEAD"}); !ok) return fail(ok.error());
        return metrics();
    }
    if (path.size() == 2 && is(0, "v1") && is(1, "boot")) return boot(request, *target);
    if (path.size() == 3 && is(0, "images")) return image(request, *target);
    if (path.size() >= 4 && path.size() <= 5 && is(0, "v1") && is(1, "machines"))
        return machine(request, *target);
    return fail(ErrorCode::P02, "path");
}

Result<std::string> Service::base_url(const HttpRequest& request) const {
    if (!config_.public_url.empty()) return config_.public_url;
    const std::string host = header(request, "host");
    if (!is_authority(host)) return fail(ErrorCode::P01, "Host header: must be host or host:port");
    return "http://" + host;
}

Result<HttpResponse> Service::boot_script(const HttpRequest& request) {
    if (auto ok = allow(request, {"GET", "HEAD"}); !ok) return fail(ok.error());
    const auto url = base_url(request);
    if (!url) return fail(url.error());
    auto script = with_provisioner(config_.boot_ipxe, *url);
    if (!script) return fail(script.error());
    return plain(std::move(*script));
}

Result<HttpResponse> Service::boot(const HttpRequest& request, const Target& target) {
    if (auto ok = allow(request, {"GET"}); !ok) return fail(ok.error());
    const auto url = base_url(request);
    if (!url) return fail(url.error());
    const auto mac = parse_mac(query(target, "mac"));
    if (!mac) return fail(ErrorCode::P01, "{}", mac.error().detail());
    // iPXE sends an empty value for what the firmware does not tell.
    const std::string uuid_text = query(target, "uuid");
    const auto uuid = uuid_text.empty() ? Result<std::string>("") : parse_uuid(uuid_text);
    if (!uuid) return fail(ErrorCode::P01, "{}", uuid.error().detail());
    const auto platform = parse_platform(query(target, "platform"));
    if (!platform) return fail(ErrorCode::P01, "platform: must be pcbios or efi");
    const std::string serial = clean_serial(query(target, "serial"));
    if (serial != query(target, "serial"))
        report_.event(Level::warning, "part of a serial number left out",
                      {{"mac", *mac}, {"serial", serial}});

    const auto policy = store_.policy();
    if (!policy) return fail(policy.error());
    auto machine = store_.find_at_boot(*mac, *uuid);
    if (!machine) return fail(machine.error());
    const Decision decision = decide(*machine ? &**machine : nullptr, *policy,
                                     *machine ? disk_knowledge(**machine) : DiskKnowledge::unknown);
    if (decision.add != Addition::none) {
        Machine fresh{.id = {},
                      .name = {},
                      .macs = {*mac},
                      .uuid = *uuid,
                      .serial = serial,
                      .enabled = decision.add == Addition::enabled};
        auto added = store_.add(std::move(fresh));
        if (!added && added.error().code() == ErrorCode::P07) {
            // Two requests of one machine at once: the other one has just added it.
            machine = store_.find_at_boot(*mac, *uuid);
            if (!machine) return fail(machine.error());
            if (!*machine) return fail(added.error());
        } else if (!added) {
            return fail(added.error());
        } else {
            report_.event(Level::info, "machine added", {{"id", added->id}, {"mac", *mac}});
            *machine = std::move(*added);
        }
    }
    ScriptInput input{.decision = decision,
                      .platform = *platform,
                      .base_url = *url,
                      .machine_id = {},
                      .mac = *mac,
                      .boot_token = {},
                      .image = {},
                      .site = {},
                      .console = {}};
    if (*machine) {
        const Machine& known = **machine;
        if (auto ok = store_.seen_at_boot(known.id, *platform, serial); !ok) return fail(ok.error());
        input.machine_id = known.id;
        input.image = effective(known, *policy, "image");
        input.site = effective(known, *policy, "site");
        input.console = effective(known, *policy, "console");
        if (decision.action == Action::run_from_network) {
            input.boot_token = make_token_();
            if (auto ok = store_.add_token(known.id, input.boot_token); !ok) return fail(ok.error());
        }
    }
    auto script = ipxe_script(input);
    if (!script) return fail(script.error());
    ++decisions_[static_cast<size_t>(decision.action)];
    report_.event(Level::info, "boot decision",
                  {{"machine", input.machine_id},
                   {"mac", *mac},
                   {"action", std::string(to_text(decision.action))},
                   {"why", decision.why}});
    return plain(std::move(*script));
}

Result<HttpResponse> Service::machine(const HttpRequest& request, const Target& target) {
    const std::string &id = target.path[2], &what = target.path[3];
    if (!is_machine_id(id)) return fail(ErrorCode::P03);
    // One answer for a wrong token and for a machine that does not exist.
    if (auto ok = store_.check_token(id, header(request, "berth-boot")); !ok) return fail(ok.error());
    if (what == "state") return state(request, target);
    if (target.path.size() != 4) return fail(ErrorCode::P02, "path");
    if (what == "record") {
        if (auto ok = allow(request, {"GET"}); !ok) return fail(ok.error());
        const auto policy = store_.policy();
        if (!policy) return fail(policy.error());
        const auto found = store_.find(id);
        if (!found) return fail(found.error());
        return json_response(machine_record(*found, *policy, header(request, "berth-boot")));
    }
    if (what == "status") {
        if (auto ok = allow(request, {"POST"}); !ok) return fail(ok.error());
        const auto post = parse_status(request.body);
        if (!post) return fail(post.error());
        if (auto ok = store_.post_status(id, *post); !ok) return fail(ok.error());
        for (const auto& part : post->left_out)
            report_.event(Level::warning, "part of a status left out", {{"machine", id}, {"what", part}});
        return nothing();
    }
    return fail(ErrorCode::P02, "path");
}

Result<HttpResponse> Service::state(const HttpRequest& request, const Target& target) {
    const std::string& id = target.path[2];
    if (target.path.size() == 4) {
        if (auto ok = allow(request, {"GET"}); !ok) return fail(ok.error());
        const auto names = store_.state_names(id);
        if (!names) return fail(names.error());
        return json_response(*names);
    }
    if (auto ok = allow(request, {"GET", "PUT", "DELETE"}); !ok) return fail(ok.error());
    const std::string& name = target.path[4];
    if (!is_file_name(name))
        return fail(ErrorCode::P01, "state name: must be 1 to 128 of A-Z, a-z, 0-9, '.', '_', '-'");
    if (request.method == "PUT") {
        if (!nlohmann::json::accept(request.body)) return fail(ErrorCode::P01, "state: must be JSON");
        if (auto ok = store_.put_state(id, name, request.body); !ok) return fail(ok.error());
        return nothing();
    }
    if (request.method == "DELETE") {
        if (auto ok = store_.remove_state(id, name); !ok) return fail(ok.error());
        return nothing();
    }
    auto body = store_.state(id, name);
    if (!body) return fail(body.error());
    if (!*body) return fail(ErrorCode::P02, "state {}", name);
    return HttpResponse{.status = 200,
                        .headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
                        .body = std::move(**body)};
}

Result<HttpResponse> Service::image(const HttpRequest& request, const Target& target) {
    if (auto ok = allow(request, {"GET", "HEAD"}); !ok) return fail(ok.error());
    auto file = images_.file(target.path[1], target.path[2]);
    if (!file) return fail(file.error());
    HttpResponse response;
    response.headers = {
        {"ETag", file->etag},
        {"Accept-Ranges", "bytes"},
        {"Cache-Control", file->unchanging ? "public, max-age=31536000, immutable" : "no-cache"}};
    if (any_tag_matches(header(request, "if-none-match"), file->etag)) {
        response.status = 304;
        return response;
    }
    const std::string condition = header(request, "if-range");
    const bool ranged = request.method == "GET" && (condition.empty() || condition == file->etag);
    const ByteRange range = parse_range(ranged ? header(request, "range") : "", file->size);
    if (range.kind == ByteRange::unsatisfiable) {
        response.status = 416;
        response.headers.emplace_back("Content-Range", fmt::format("bytes */{}", file->size));
        return response;
    }
    response.headers.emplace_back("Content-Type", "application/octet-stream");
    if (range.kind == ByteRange::part) {
        response.status = 206;
        response.headers.emplace_back(
            "Content-Range",
            fmt::format("bytes {}-{}/{}", range.first, range.first + range.length - 1, file->size));
    }
    response.file = std::move(file->fd);
    response.offset = range.first;
    response.length = range.length;
    if (request.method == "GET") image_bytes_ += range.length;
    return response;
}

Result<HttpResponse> Service::metrics() {
    const auto machines = store_.machines();
    if (!machines) return fail(machines.error());
    const auto policy = store_.policy();
    if (!policy) return fail(policy.error());
    std::map<std::string, uint64_t> modes{{"network", 0}, {"local", 0}, {"install", 0}, {"disabled", 0}};
    uint64_t sessions = 0, errors = 0;
    for (const auto& m : *machines) {
        ++modes[m.enabled ? std::string(to_text(effective_mode(m, *policy))) : "disabled"];
        sessions += m.status.session.is_object();
        errors += !m.status.error.empty();
    }
    std::string text;
    const auto head = [&](const char* name, const char* type, const char* help) {
        text += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
    };
    head("berth_machines", "gauge", "Machines in the database.");
    for (const auto& [mode, n] : modes) text += fmt::format("berth_machines{{mode=\"{}\"}} {}\n", mode, n);
    head("berth_machines_in_session", "gauge", "Machines whose last status names a session.");
    text += fmt::format("berth_machines_in_session {}\n", sessions);
    head("berth_machines_with_error", "gauge", "Machines whose last status holds an error.");
    text += fmt::format("berth_machines_with_error {}\n", errors);
    head("berth_boot_decisions_total", "counter", "Answers to /v1/boot.");
    for (auto a : {Action::run_from_network, Action::local_disk, Action::message})
        text += fmt::format("berth_boot_decisions_total{{action=\"{}\"}} {}\n", to_text(a),
                            decisions_[static_cast<size_t>(a)].load());
    head("berth_http_responses_total", "counter", "Responses by class of status.");
    for (size_t c = 2; c < responses_.size(); ++c)
        text += fmt::format("berth_http_responses_total{{class=\"{}xx\"}} {}\n", c, responses_[c].load());
    head("berth_image_bytes_total", "counter", "Bytes of image files asked for.");
    text += fmt::format("berth_image_bytes_total {}\n", image_bytes_.load());
    HttpResponse response = plain(std::move(text));
    response.headers[0].second = "text/plain; version=0.0.4; charset=utf-8";
    return response;
}

}  // namespace berth::server
