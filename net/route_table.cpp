// SPDX-License-Identifier: GPL-3.0-or-later
#include "net/route_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace berth::net {
namespace {

/// Whether the first parts of the path are the pattern's; `all`: and there are no more.
bool fits(std::string_view pattern, const std::vector<std::string>& path, bool all) {
    size_t at = 0;
    while (!pattern.empty()) {
        pattern.remove_prefix(1);  // The slash.
        const std::string_view part = pattern.substr(0, pattern.find('/'));
        pattern.remove_prefix(part.size());
        if (at == path.size() || (!part.starts_with('{') && part != path[at])) return false;
        ++at;
    }
    return all ? at == path.size() : at < path.size();
}

/// `methods` is such a list as Allow has.
bool has_method(std::string_view methods, std::string_view method) {
    while (!methods.empty()) {
        const size_t comma = methods.find(", ");
        if (methods.substr(0, comma) == method) return true;
        methods.remove_prefix(comma == std::string_view::npos ? methods.size() : comma + 2);
    }
    return false;
}

std::string found_in(const std::map<std::string, std::string, std::less<>>& map, std::string_view name) {
    const auto found = map.find(name);
    return found == map.end() ? std::string() : found->second;
}

Response crowded() {
    return {.status = 503,
            .headers = {{"Retry-After", std::to_string(k_retry_seconds)},
                        {"Cache-Control", "no-store"},
                        {"Content-Type", "text/plain; charset=utf-8"}},
            .body = "Too many connections for another transfer. Try again.\n"};
}

}  // namespace

std::string Call::header(std::string_view lower_case_name) const {
    return found_in(request_.headers, lower_case_name);
}

std::string Call::query(std::string_view name) const {
    return found_in(target_.query, name);
}

std::string Call::part(size_t at) const {
    return at < target_.path.size() ? target_.path[at] : std::string();
}

RouteTable::RouteTable(std::vector<Route> routes, std::vector<Gate> gates, RouteErrors errors)
    : routes_(std::move(routes)), gates_(std::move(gates)), errors_(std::move(errors)) {}

RouteTable::Match RouteTable::match(const std::string& method, const std::vector<std::string>& path,
                                    Listener listener) const {
    Match result;
    for (const auto& route : routes_) {
        if (route.listener != listener || !fits(route.path, path, true)) continue;
        if (has_method(route.methods, method)) return {.route = &route};
        result.allow += (result.allow.empty() ? "" : ", ") + std::string(route.methods);
    }
    return result;
}

Result<Response> RouteTable::route(const Request& request, Listener listener) const {
    const auto target = BERTH_TRY(parse_target(request.target, errors_.malformed));
    const Call call(request, target);
    for (const auto& gate : gates_)
        if (gate.listener == listener && fits(gate.above, target.path, false)) BERTH_TRY(gate.check(call));
    const Match found = match(request.method, target.path, listener);
    if (found.route == nullptr && found.allow.empty()) return fail(errors_.unknown, "path");
    if (found.route == nullptr) {
        Response response = errors_.answer(Error(errors_.method, found.allow));
        response.headers.emplace_back("Allow", found.allow);
        return response;
    }
    if (found.route->transfer && request.crowded && request.method == "GET") return crowded();
    return found.route->answer(call);
}

Response RouteTable::answer(const Request& request, Listener listener) const {
    auto response = route(request, listener);
    return counted(response ? std::move(*response) : errors_.answer(response.error()));
}

size_t RouteTable::longest_body(const Request& request, Listener listener) const {
    const auto target = parse_target(request.target, errors_.malformed);
    const auto* route = target ? match(request.method, target->path, listener).route : nullptr;
    return route == nullptr ? k_longest_body : route->longest_body;
}

Response RouteTable::too_large(size_t longest) const {
    return counted(
        errors_.answer(Error(errors_.too_large, fmt::format("body: must be at most {} bytes", longest))));
}

Response RouteTable::counted(Response response) const {
    ++responses_[static_cast<size_t>(std::clamp(response.status / 100, 1, 5))];
    return response;
}

}  // namespace berth::net
