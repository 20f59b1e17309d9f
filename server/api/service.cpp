// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/api/service.h"

#include <algorithm>

#include "base/strict_json.h"
#include "server/api/http_status.h"
#include "server/boot/ipxe_script.h"

namespace berth::server {
namespace {

const JsonFormat k_state{.name = "state",
                         .code = ErrorCode::P01,
                         .unknown = JsonFormat::ignore,
                         .why = "kept for a workstation, of whatever version, as it is"};

// Parts of the paths in server/api/routes.cpp.
constexpr size_t k_machine = 2, k_state_name = 4;

net::Response plain(std::string body) {
    return {.status = 200,
            .headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}},
            .body = std::move(body)};
}

net::Response json_response(const nlohmann::json& body, int status = 200) {
    return {.status = status,
            .headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
            .body = dump_json(body) + "\n"};
}

net::Response nothing() {
    return {.status = 204, .headers = {{"Cache-Control", "no-store"}}};
}

net::Response error_response(const Error& error) {
    return json_response(
        {{"code", std::string(code_name(error.code()))},
         {"error", error.detail().empty() ? std::string(code_summary(error.code())) : error.detail()},
         {"help", std::string(code_help(error.code()))}},
        http_status(error.condition()));
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

Status check_state_name(const std::string& name) {
    if (is_file_name(name)) return {};
    return fail(ErrorCode::P01, "state name: must be 1 to 128 of A-Z, a-z, 0-9, '.', '_', '-'");
}

}  // namespace

Service::Service(ServiceConfig config, Store& store, const ImageFolder& images, Report& report,
                 std::function<std::string()> make_token, std::function<void(Job)> later)
    : config_(std::move(config)),
      store_(store),
      images_(images),
      report_(report),
      make_token_(std::move(make_token)),
      later_(std::move(later)),
      routes_(rows(), gates(),
              {.malformed = ErrorCode::P01,
               .unknown = ErrorCode::P02,
               .too_large = ErrorCode::P08,
               .method = ErrorCode::P09,
               .answer = [this](const Error& error) { return refuse(error); }}) {
    if (!later_)
        later_ = [this](const Job& job) {
            if (Status done = job.run(); !done)
                report_.event(Level::error, "bookkeeping failed",
                              {{"what", job.what}, {"error", done.error().to_log()}});
        };
}

void Service::write_later(const std::string& what, std::function<Status()> run,
                          std::function<void()> dropped) {
    later_({what, std::move(run), std::move(dropped)});
}

void Service::keep_token(const BootToken& token) {
    const auto forget = [this, text = token.token] {
        std::lock_guard lock(unwritten_mutex_);
        unwritten_.erase(text);
    };
    {
        std::lock_guard lock(unwritten_mutex_);
        unwritten_[token.token] = token;
    }
    write_later(
        "token",
        [this, token, forget]() -> Status {
            BERTH_TRY(store_.add_token(token.machine, token.token, token.image, token.site));
            forget();
            return {};
        },
        forget);
}

Status Service::check_token(const std::string& id, const std::string& token) {
    {
        std::lock_guard lock(unwritten_mutex_);
        if (const auto found = unwritten_.find(token);
            found != unwritten_.end() && found->second.machine == id)
            return {};
    }
    return store_.check_token(id, token);
}

Status Service::unless_awaited(const std::string& build, const std::function<Status()>& remove) {
    std::lock_guard lock(unwritten_mutex_);
    const bool awaited = std::ranges::any_of(unwritten_, [&](const auto& entry) {
        return entry.second.image == build || entry.second.site == build;
    });
    return awaited ? Status{} : remove();
}

net::Response Service::refuse(const Error& error) {
    net::Response response = error_response(error);
    if (response.status >= 500) report_.event(Level::error, "request failed", {{"error", error.to_log()}});
    return response;
}

Result<std::string> Service::base_url(const net::Call& call) const {
    if (!config_.public_url.empty()) return config_.public_url;
    const std::string host = call.header("host");
    if (!is_authority(host)) return fail(ErrorCode::P01, "Host header: must be host or host:port");
    return "http://" + host;
}

Result<net::Response> Service::boot_script(const net::Call& call) {
    const auto url = BERTH_TRY(base_url(call));
    auto script = BERTH_TRY(with_provisioner(config_.boot_ipxe, url));
    return plain(std::move(script));
}

Result<net::Response> Service::boot(const net::Call& call) {
    const auto url = BERTH_TRY(base_url(call));
    const auto seen = BERTH_TRY(parse_hardware(call.query("mac"), call.query("uuid"), call.query("serial")));
    const auto platform = parse_platform(call.query("platform"));
    if (!platform) return fail(ErrorCode::P01, "platform: must be pcbios or efi");
    if (const auto serial = call.query("serial"); clean_serial(serial) != serial)
        report_.event(Level::warning, "part of a serial number left out",
                      {{"mac", seen.mac}, {"serial", clean_serial(serial)}});

    const auto policy = BERTH_TRY(store_.policy());
    auto admitted = BERTH_TRY(who_boots(seen, policy));
    const Decision& decision = admitted.decision;
    const auto& machine = admitted.machine;
    ScriptInput input{.decision = decision, .platform = *platform, .base_url = url, .mac = seen.mac};
    if (machine) {
        input.machine_id = machine->id;
        input.image = effective(*machine, policy, "image");
        input.site = effective(*machine, policy, "site");
        input.console = effective(*machine, policy, "console");
        if (decision.action == Action::run_from_network)
            admit(input);
        else if (machine->status.again > k_max_again)
            write_later("count of boots", [this, id = machine->id] { return store_.forget_again(id); });
    }
    auto script = BERTH_TRY(ipxe_script(input));
    if (machine) {
        write_later("last seen", [this, id = machine->id, platform = *platform] {
            return store_.seen_at_boot(id, platform);
        });
    }
    ++decisions_[static_cast<size_t>(decision.action)];
    report_.event(Level::info, "boot decision",
                  {{"machine", input.machine_id},
                   {"mac", seen.mac},
                   {"action", std::string(to_text(decision.action))},
                   {"why", decision.why}});
    return plain(std::move(script));
}

/// Only a read can fail it: a failed write is reported, and a machine that cannot be listed goes to its disk.
Result<Service::Admitted> Service::who_boots(const Hardware& seen, const Policy& policy) {
    const Fields sent{{"mac", seen.mac}, {"uuid", seen.uuid}, {"serial", seen.serial}};
    const auto told = [&](const std::string& id) {
        Fields fields = sent;
        fields["machine"] = id;
        return fields;
    };
    for (int tries = 0; true; ++tries) {
        auto found = store_.identify(seen);
        if (!found) return fail(found.error());
        if (auto record = found->machine; record && learn(*record, seen, found->who)) {
            // Only the first boot with this hardware comes here.
            if (auto learned = store_.learn(seen)) {
                found = std::move(learned);
                if (found->who.match == Match::mac_added)
                    report_.event(Level::info, "network card added", told(found->who.record));
            } else {
                report_.error("bookkeeping failed", learned.error().with_prefix("learn"));
            }
        }
        const Identification& who = found->who;
        if (who.match == Match::conflict) {
            report_.event(Level::warning, "another machine has something of a record", told(who.record));
            write_later("conflict", [this, id = who.record, seen] { return store_.note_conflict(id, seen); });
        } else if (!who.card_of.empty()) {
            report_.event(Level::info, "machine has another record's network card", told(who.record));
        }
        const Machine* known = found->machine ? &*found->machine : nullptr;
        Decision decision =
            decide(known, policy, known != nullptr ? disk_knowledge(*known) : DiskKnowledge::unknown);
        if (decision.add == Addition::none) {
            if (who.match == Match::conflict) decision.why = "its hardware is recorded for another machine";
            return Admitted{std::move(decision), std::move(found->machine)};
        }
        if (!can_be_recorded(seen, who))
            return Admitted{{Action::local_disk, Addition::none, "nothing tells this machine from others"},
                            {}};
        Machine fresh;
        if (!seen.mac.empty() && who.card_of.empty()) fresh.macs = {seen.mac};
        fresh.uuid = seen.uuid;
        fresh.serial = seen.serial;
        fresh.enabled = decision.add == Addition::enabled;
        auto added = store_.add(std::move(fresh));
        if (added) {
            report_.event(Level::info, "machine added", told(added->id));
            return Admitted{std::move(decision), std::move(*added)};
        }
        // Another request has just added it, or another machine with the same card.
        if (failed_as(added, Condition::exists) && tries < 2) continue;
        report_.error("machine not added", added.error());
        return Admitted{{Action::local_disk, Addition::none, "this machine cannot be listed now"}, {}};
    }
}

/// Ties a fresh token to the current builds, and names all three in the script.
void Service::admit(ScriptInput& script) {
    const auto named = [](const std::string& name, const std::string& build) {
        return build.empty() ? std::string() : name + "/" + build;
    };
    // Until a token refers to a build it may be removed, but only once another one is current (unless_awaited):
    // a second look finds that one.
    constexpr int k_looks = 3;
    for (int look = 0; look < k_looks; ++look) {
        script.image_build = images_.current(script.image);
        script.site_build = script.site.empty() ? "" : images_.current(script.site);
        script.boot_token = make_token_();
        keep_token({script.machine_id, script.boot_token, named(script.image, script.image_build),
                    named(script.site, script.site_build)});
        if (images_.has(script.image, script.image_build) && images_.has(script.site, script.site_build))
            break;
    }
}

/// One answer for a wrong token and for a machine that does not exist.
Status Service::own_token(const net::Call& call) {
    if (!is_record_id(call.part(k_machine))) return fail(ErrorCode::P03);
    return check_token(call.part(k_machine), call.header("berth-boot"));
}

Result<net::Response> Service::record(const net::Call& call) {
    const auto policy = BERTH_TRY(store_.policy());
    const auto found = BERTH_TRY(store_.find(call.part(k_machine)));
    return json_response(machine_record(found, policy, call.header("berth-boot")));
}

Result<net::Response> Service::post_status(const net::Call& call) {
    const std::string id = call.part(k_machine);
    const auto post = BERTH_TRY(parse_status(call.body()));
    BERTH_TRY(store_.post_status(id, post));
    for (const auto& part : post.left_out)
        report_.event(Level::warning, "part of a status left out", {{"machine", id}, {"what", part}});
    return nothing();
}

Result<net::Response> Service::state_names(const net::Call& call) {
    const auto names = BERTH_TRY(store_.state_names(call.part(k_machine)));
    return json_response(names);
}

Result<net::Response> Service::read_state(const net::Call& call) {
    const std::string name = call.part(k_state_name);
    BERTH_TRY(check_state_name(name));
    auto body = BERTH_TRY(store_.state(call.part(k_machine), name));
    if (!body) return fail(ErrorCode::P02, "state {}", name);
    return net::Response{.status = 200,
                         .headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
                         .body = std::move(*body)};
}

Result<net::Response> Service::write_state(const net::Call& call) {
    BERTH_TRY(check_state_name(call.part(k_state_name)));
    BERTH_TRY(parse_json(call.body(), k_state));
    BERTH_TRY(store_.put_state(call.part(k_machine), call.part(k_state_name), call.body()));
    return nothing();
}

Result<net::Response> Service::remove_state(const net::Call& call) {
    BERTH_TRY(check_state_name(call.part(k_state_name)));
    BERTH_TRY(store_.remove_state(call.part(k_machine), call.part(k_state_name)));
    return nothing();
}

Result<net::Response> Service::image(const net::Call& call) {
    net::Response response;
    const bool of_build = !call.part(3).empty();
    auto file =
        BERTH_TRY(images_.file(call.part(1), of_build ? call.part(2) : "", call.part(of_build ? 3 : 2)));
    response.headers = {
        {"ETag", file.etag},
        {"Accept-Ranges", "bytes"},
        {"Cache-Control", file.unchanging ? "public, max-age=31536000, immutable" : "no-cache"}};
    if (any_tag_matches(call.header("if-none-match"), file.etag)) {
        response.status = 304;
        return response;
    }
    const std::string condition = call.header("if-range");
    const bool ranged = call.method() == "GET" && (condition.empty() || condition == file.etag);
    const ByteRange range = parse_range(ranged ? call.header("range") : "", file.size);
    if (range.kind == ByteRange::unsatisfiable) {
        response.status = 416;
        response.headers.emplace_back("Content-Range", fmt::format("bytes */{}", file.size));
        return response;
    }
    response.headers.emplace_back("Content-Type", "application/octet-stream");
    if (range.kind == ByteRange::part) {
        response.status = 206;
        response.headers.emplace_back(
            "Content-Range",
            fmt::format("bytes {}-{}/{}", range.first, range.first + range.length - 1, file.size));
    }
    response.file = std::move(file.fd);
    response.offset = range.first;
    response.length = range.length;
    if (call.method() == "GET") image_bytes_ += range.length;
    return response;
}

Result<net::Response> Service::metrics(const net::Call&) {
    const auto machines = BERTH_TRY(store_.machines());
    const auto policy = BERTH_TRY(store_.policy());
    std::map<std::string, uint64_t> modes{{"network", 0}, {"local", 0}, {"install", 0}, {"disabled", 0}};
    uint64_t sessions = 0, errors = 0;
    for (const auto& m : machines) {
        ++modes[m.enabled ? std::string(to_text(effective_mode(m, policy))) : "disabled"];
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
    for (size_t c = 2; c <= 5; ++c)
        text += fmt::format("berth_http_responses_total{{class=\"{}xx\"}} {}\n", c, routes_.responses(c));
    head("berth_image_bytes_total", "counter", "Bytes of image files asked for.");
    text += fmt::format("berth_image_bytes_total {}\n", image_bytes_.load());
    net::Response response = plain(std::move(text));
    response.headers[0].second = "text/plain; version=0.0.4; charset=utf-8";
    return response;
}

}  // namespace berth::server
