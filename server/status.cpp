// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/status.h"

#include <algorithm>
#include <array>
#include <functional>

#include "server/text.h"

namespace berth::server {
namespace {

using nlohmann::json;

constexpr std::array k_stages{"ipxe", "bootstrap", "fetch", "verify", "root", "setup", "prompt", "session"};
constexpr int64_t k_max_bytes = int64_t{1} << 62;

/// Text for a table on a terminal: no control characters.
bool is_text(const json& value, size_t longest) {
    if (!value.is_string()) return false;
    const auto& text = value.get_ref<const std::string&>();
    return text.size() <= longest &&
           std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

bool is_number(const json& value, int64_t least, int64_t most) {
    if (!value.is_number_integer()) return false;
    if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(most)) return false;
    const auto number = value.get<int64_t>();
    return number >= least && number <= most;
}

struct Member {
    const char* name;
    const char* range;
    std::function<bool(const json&)> legal;
};

Member text(const char* name, size_t longest, const char* range) {
    return {name, range, [longest](const json& v) { return is_text(v, longest); }};
}
Member number(const char* name, int64_t least, int64_t most, const char* range) {
    return {name, range, [=](const json& v) { return is_number(v, least, most); }};
}

Status check_members(const json& object, const std::string& where, const std::vector<Member>& members) {
    if (!object.is_object()) return fail(ErrorCode::P01, "{}: must be an object", where);
    for (const auto& [key, value] : object.items()) {
        const auto member =
            std::find_if(members.begin(), members.end(), [&k = key](const Member& m) { return k == m.name; });
        if (member == members.end()) return fail(ErrorCode::P01, "{}: has an unknown member", where);
        if (!member->legal(value))
            return fail(ErrorCode::P01, "{}.{}: must be {}", where, member->name, member->range);
    }
    return {};
}

Status check_list(const json& facts, const char* name, size_t longest, const std::vector<Member>& members) {
    if (!facts.contains(name)) return {};
    const json& list = facts[name];
    if (!list.is_array() || list.size() > longest)
        return fail(ErrorCode::P01, "facts.{}: must be a list of at most {}", name, longest);
    for (const auto& item : list) BERTH_TRY(check_members(item, fmt::format("facts.{}", name), members));
    return {};
}

bool anything(const json&) {
    return true;
}

Status check_facts(const json& facts) {
    static const std::vector<Member> k_facts{text("cpu", 128, "text of at most 128 bytes"),
                                             number("cores", 1, 65536, "1 to 65536"),
                                             number("memory_mib", 1, int64_t{1} << 40, "1 to 2^40"),
                                             {"disks", "", anything},
                                             {"nics", "", anything},
                                             {"kvm", "", anything}};
    static const std::vector<Member> k_disk{text("name", 64, "text of at most 64 bytes"),
                                            number("bytes", 0, k_max_bytes, "0 to 2^62")};
    static const std::vector<Member> k_nic{{"mac", "a MAC address",
                                            [](const json& v) {
                                                return v.is_string() &&
                                                       parse_mac(v.get_ref<const std::string&>()).has_value();
                                            }},
                                           text("driver", 64, "text of at most 64 bytes")};
    static const std::vector<Member> k_kvm{
        {"usable", "true or false", [](const json& v) { return v.is_boolean(); }},
        text("why", 256, "text of at most 256 bytes")};
    BERTH_TRY(check_members(facts, "facts", k_facts));
    BERTH_TRY(check_list(facts, "disks", 64, k_disk));
    BERTH_TRY(check_list(facts, "nics", 64, k_nic));
    if (facts.contains("kvm")) BERTH_TRY(check_members(facts["kvm"], "facts.kvm", k_kvm));
    return {};
}

}  // namespace

Result<StatusPost> parse_status(std::string_view body) {
    if (body.size() > k_max_status_bytes)
        return fail(ErrorCode::P08, "status of {} bytes: must be at most {}", body.size(),
                    k_max_status_bytes);
    // Counted before parsing: a value of great depth is costly even to throw away.
    int depth = 0, deepest = 0;
    for (char c : body) {
        if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
        if (c == ']' || c == '}') --depth;
    }
    if (deepest > 64) return fail(ErrorCode::P01, "status: must be JSON of few levels");
    const json status = json::parse(body, nullptr, /*allow_exceptions=*/false);
    if (status.is_discarded()) return fail(ErrorCode::P01, "status: must be JSON");

    static const std::vector<Member> k_status{
        text("boot_id", 64, "text of at most 64 bytes"),
        {"stage", "one of ipxe, bootstrap, fetch, verify, root, setup, prompt, session",
         [](const json& v) {
             return v.is_string() && std::count(k_stages.begin(), k_stages.end(), v.get<std::string>());
         }},
        number("percent", 0, 100, "0 to 100"),
        {"error", "null or text of at most 512 bytes",
         [](const json& v) { return v.is_null() || is_text(v, 512); }},
        {"facts", "", anything},
        {"session", "", anything}};
    static const std::vector<Member> k_session{text("user", 128, "text of at most 128 bytes"),
                                               text("vm", 128, "text of at most 128 bytes"),
                                               text("since", 40, "a time of at most 40 bytes")};
    if (auto good = check_members(status, "status", k_status); !good) return fail(good.error());

    StatusPost post;
    if (status.contains("boot_id")) post.boot_id = status["boot_id"].get<std::string>();
    if (status.contains("stage")) post.stage = status["stage"].get<std::string>();
    if (status.contains("percent")) post.percent = status["percent"].get<int>();
    if (status.contains("error"))
        post.error = status["error"].is_null() ? "" : status["error"].get<std::string>();
    if (status.contains("facts")) {
        if (auto good = check_facts(status["facts"]); !good) return fail(good.error());
        post.facts = status["facts"];
    }
    if (status.contains("session")) {
        const json& session = status["session"];
        if (!session.is_null())
            if (auto good = check_members(session, "session", k_session); !good) return fail(good.error());
        post.session = session;
    }
    return post;
}

}  // namespace berth::server
