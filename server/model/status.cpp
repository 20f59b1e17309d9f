// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/model/status.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include "base/plain_text.h"
#include "base/text.h"

namespace berth::server {
namespace {

using nlohmann::json;

constexpr std::array k_stages{"ipxe",  "bootstrap", "fetch",   "verify", "root",
                              "setup", "prompt",    "session", "again"};
constexpr int64_t k_max_bytes = int64_t{1} << 62;

/// A member and its range: bytes of a text, or a number from `least` to `most`.
struct Member {
    const char* name;
    enum Kind { text, number, truth, mac, other } kind;
    int64_t most = 0, least = 0;
};

constexpr Member k_facts[]{{"cpu", Member::text, 128},
                           {"cores", Member::number, 65536, 1},
                           {"memory_mib", Member::number, int64_t{1} << 40, 1},
                           {"disks", Member::other},
                           {"nics", Member::other},
                           {"kvm", Member::other},
                           {"data", Member::other},
                           {"left_out", Member::other}};
constexpr Member k_disk[]{{"name", Member::text, 64}, {"bytes", Member::number, k_max_bytes}};
constexpr Member k_nic[]{{"mac", Member::mac}, {"driver", Member::text, 64}};
constexpr Member k_kvm[]{{"usable", Member::truth}, {"why", Member::text, 256}};
constexpr Member k_data[]{
    {"kind", Member::text, 16}, {"why", Member::text, 256}, {"remade", Member::text, 64}};
constexpr Member k_session[]{
    {"user", Member::text, 255}, {"vm", Member::text, 255}, {"since", Member::text, 40}};

/// Takes a post apart. Everything it gives out is plain text and within its range.
class Reader {
  public:
    std::vector<std::string> left_out;

    std::string plain(const std::string& where, const json& value, size_t longest) {
        const auto& text = value.get_ref<const std::string&>();
        std::string out = printable(text, longest);
        if (out != text) leave_out("{}: longer than {} bytes, or not plain text", where, longest);
        return out;
    }

    /// P01 for a member that is unknown or of the wrong kind.
    Result<json> members(const json& object, const std::string& where, std::span<const Member> known) {
        if (!object.is_object()) return fail(ErrorCode::P01, "{}: must be an object", where);
        json taken = json::object();
        for (const auto& [key, value] : object.items()) {
            const auto member =
                std::ranges::find_if(known, [&k = key](const Member& m) { return k == m.name; });
            if (member == known.end()) return fail(ErrorCode::P01, "{}: has an unknown member", where);
            const std::string place = fmt::format("{}.{}", where, member->name);
            switch (member->kind) {
                case Member::text:
                    if (!value.is_string()) return fail(ErrorCode::P01, "{}: must be text", place);
                    taken[key] = plain(place, value, static_cast<size_t>(member->most));
                    break;
                case Member::number:
                    if (!value.is_number_integer())
                        return fail(ErrorCode::P01, "{}: must be a whole number", place);
                    if (is_number(value, member->least, member->most))
                        taken[key] = value;
                    else
                        leave_out("{}: must be {} to {}", place, member->least, member->most);
                    break;
                case Member::truth:
                    if (!value.is_boolean()) return fail(ErrorCode::P01, "{}: must be true or false", place);
                    taken[key] = value;
                    break;
                case Member::mac:
                    // A modem has no address, InfiniBand a longer one.
                    if (auto mac = value.is_string() ? station_mac(value.get_ref<const std::string&>()) : "";
                        !mac.empty())
                        taken[key] = mac;
                    else
                        leave_out("{}: not a MAC address", place);
                    break;
                case Member::other:
                    break;
            }
        }
        return taken;
    }

    Status list(const json& facts, const char* name, std::span<const Member> known, json& to) {
        if (!facts.contains(name)) return {};
        const json& given = facts[name];
        const std::string where = fmt::format("facts.{}", name);
        if (!given.is_array()) return fail(ErrorCode::P01, "{}: must be a list", where);
        json taken = json::array();
        for (const auto& item : given) {
            if (taken.size() == k_max_listed) break;
            auto one = members(item, fmt::format("{}[{}]", where, taken.size()), known);
            if (!one) return fail(one.error());
            taken.push_back(std::move(*one));
        }
        if (given.size() > taken.size()) leave_out("{}: {} more", where, given.size() - taken.size());
        to[name] = std::move(taken);
        return {};
    }

    Status object(const json& facts, const char* name, std::span<const Member> known, json& to) {
        if (!facts.contains(name)) return {};
        auto taken = members(facts[name], fmt::format("facts.{}", name), known);
        if (!taken) return fail(taken.error());
        to[name] = std::move(*taken);
        return {};
    }

    Result<json> facts(const json& given) {
        auto taken = members(given, "facts", k_facts);
        if (!taken) return taken;
        BERTH_TRY(list(given, "disks", k_disk, *taken));
        BERTH_TRY(list(given, "nics", k_nic, *taken));
        BERTH_TRY(object(given, "kvm", k_kvm, *taken));
        BERTH_TRY(object(given, "data", k_data, *taken));
        // What the client itself could not tell comes first.
        json told = json::array();
        if (given.contains("left_out")) {
            const json& list = given["left_out"];
            if (!list.is_array()) return fail(ErrorCode::P01, "facts.left_out: must be a list");
            for (const auto& item : list) {
                if (!item.is_string()) return fail(ErrorCode::P01, "facts.left_out: must be texts");
                if (told.size() < k_max_listed)
                    told.push_back(printable(item.get_ref<const std::string&>(), 256));
            }
        }
        for (const auto& text : left_out)
            if (told.size() < k_max_listed) told.push_back(text);
        if (!told.empty()) (*taken)["left_out"] = std::move(told);
        return taken;
    }

  private:
    static bool is_number(const json& value, int64_t least, int64_t most) {
        if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(most)) return false;
        const auto number = value.get<int64_t>();
        return number >= least && number <= most;
    }
    template <typename... Args>
    void leave_out(fmt::format_string<Args...> format, Args&&... args) {
        if (left_out.size() < k_max_listed)
            left_out.push_back(fmt::format(format, std::forward<Args>(args)...));
    }
};

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

    if (!status.is_object()) return fail(ErrorCode::P01, "status: must be an object");
    StatusPost post;
    Reader reader;
    for (const auto& [key, value] : status.items()) {
        if (key == "boot_id") {
            if (!value.is_string()) return fail(ErrorCode::P01, "status.boot_id: must be text");
            post.boot_id = reader.plain("boot_id", value, 64);
        } else if (key == "stage") {
            if (!value.is_string() || !std::count(k_stages.begin(), k_stages.end(), value.get<std::string>()))
                return fail(ErrorCode::P01,
                            "status.stage: must be one of ipxe, bootstrap, fetch, verify, root, setup, "
                            "prompt, session, again");
            post.stage = value.get<std::string>();
        } else if (key == "percent") {
            if (!value.is_number_unsigned() || value.get<uint64_t>() > 100)
                return fail(ErrorCode::P01, "status.percent: must be 0 to 100");
            post.percent = value.get<int>();
        } else if (key == "error") {
            if (!value.is_null() && !value.is_string())
                return fail(ErrorCode::P01, "status.error: must be null or text");
            post.error = value.is_null() ? "" : reader.plain("error", value, 512);
        } else if (key == "facts") {
            Reader facts;
            auto taken = facts.facts(value);
            if (!taken) return fail(taken.error());
            post.facts = std::move(*taken);
            std::ranges::copy(facts.left_out, std::back_inserter(reader.left_out));
        } else if (key == "session") {
            auto session =
                value.is_null() ? Result<json>(nullptr) : reader.members(value, "session", k_session);
            if (!session) return fail(session.error());
            post.session = std::move(*session);
        } else {
            return fail(ErrorCode::P01, "status: has an unknown member");
        }
    }
    post.left_out = std::move(reader.left_out);
    return post;
}

}  // namespace berth::server
