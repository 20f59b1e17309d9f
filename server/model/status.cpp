// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/model/status.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include "base/plain_text.h"
#include "base/strict_json.h"
#include "base/text.h"

namespace berth::server {
namespace {

using nlohmann::json;

const JsonFormat k_format{.name = "status",
                          .code = ErrorCode::P01,
                          .unknown = JsonFormat::refuse,
                          .why = "the sender is told what is not kept",
                          .longest = k_max_status_bytes};
constexpr std::array k_stages{"ipxe",  "bootstrap", "fetch",   "verify", "root",
                              "setup", "prompt",    "session", "again"};
constexpr uint64_t k_max_bytes = uint64_t{1} << 62;

/// A member of a list or an object of facts, and its range: bytes of a text, or a number from `least` to `most`.
struct Member {
    const char* name;
    enum Kind { text, number, truth, mac } kind;
    uint64_t most = 0, least = 0;
};

constexpr Member k_facts[]{{"cpu", Member::text, 128},
                           {"cores", Member::number, 65536, 1},
                           {"memory_mib", Member::number, uint64_t{1} << 40, 1}};
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

    /// A text of any length, cut and made plain.
    std::string plain(JsonFields& fields, const std::string& prefix, const char* name, size_t longest) {
        const std::string text = fields.any_text(name, 0, k_max_status_bytes);
        std::string out = printable(text, longest);
        if (out != text) leave_out("{}{}: longer than {} bytes, or not plain text", prefix, name, longest);
        return out;
    }

    json members(JsonFields& fields, const std::string& prefix, std::span<const Member> known) {
        json taken = json::object();
        for (const Member& m : known) {
            if (!fields.has(m.name)) continue;
            const json* value = fields.member(m.name);
            if (m.kind == Member::text) {
                taken[m.name] = plain(fields, prefix, m.name, m.most);
            } else if (m.kind == Member::truth) {
                taken[m.name] = fields.boolean(m.name);
            } else if (m.kind == Member::mac) {
                // A modem has no address, InfiniBand a longer one.
                const auto* text = value == nullptr ? nullptr : json_text(*value);
                if (const auto mac = text == nullptr ? "" : station_mac(*text); !mac.empty())
                    taken[m.name] = mac;
                else
                    leave_out("{}{}: not a MAC address", prefix, m.name);
            } else if (value != nullptr && !value->is_number_integer()) {
                fields.fault(m.name, "must be a whole number");
            } else if (value != nullptr && json_number(*value, m.least, m.most)) {
                taken[m.name] = *value;
            } else {
                leave_out("{}{}: must be {} to {}", prefix, m.name, m.least, m.most);
            }
        }
        return taken;
    }

    void list(JsonFields& facts, const char* name, std::span<const Member> known, json& to) {
        if (!facts.has(name)) return;
        json& taken = to[name] = json::array();
        size_t more = 0;
        facts.objects(name, 0, k_max_status_bytes, [&](JsonFields& item) {
            const bool one_more = taken.size() < k_max_listed;
            Reader unheard;  // Of those that are too many: held to the schema and not taken.
            json one = (one_more ? *this : unheard)
                           .members(item, fmt::format("facts.{}[{}].", name, taken.size()), known);
            one_more ? taken.push_back(std::move(one)) : void(++more);
        });
        if (more != 0) leave_out("facts.{}: {} more", name, more);
    }

    void object(JsonFields& facts, const char* name, std::span<const Member> known, json& to) {
        if (facts.has(name))
            facts.object(name, [&](JsonFields& fields) {
                to[name] = members(fields, fmt::format("facts.{}.", name), known);
            });
    }

    json facts(JsonFields& fields) {
        json taken = members(fields, "facts.", k_facts);
        list(fields, "disks", k_disk, taken);
        list(fields, "nics", k_nic, taken);
        object(fields, "kvm", k_kvm, taken);
        object(fields, "data", k_data, taken);
        // What the client itself could not tell comes first.
        std::vector<std::string> told;
        if (fields.has("left_out"))
            for (const auto& text : fields.texts("left_out", k_max_status_bytes, k_max_status_bytes))
                told.push_back(printable(text, 256));
        std::ranges::copy(left_out, std::back_inserter(told));
        if (told.size() > k_max_listed) told.resize(k_max_listed);
        if (!told.empty()) taken["left_out"] = std::move(told);
        return taken;
    }

  private:
    template <typename... Args>
    void leave_out(fmt::format_string<Args...> format, Args&&... args) {
        if (left_out.size() < k_max_listed)
            left_out.push_back(fmt::format(format, std::forward<Args>(args)...));
    }
};

void read_status(JsonFields& fields, StatusPost& post) {
    Reader reader;
    if (fields.has("boot_id")) post.boot_id = reader.plain(fields, "", "boot_id", 64);
    if (fields.has("stage")) {
        post.stage = fields.any_text("stage", 0, k_max_status_bytes);
        if (std::ranges::find(k_stages, *post.stage) == k_stages.end())
            fields.fault("stage", fmt::format("must be one of {}", fmt::join(k_stages, ", ")));
    }
    if (fields.has("percent")) post.percent = fields.number<int>("percent", 0, 100);
    if (fields.has("error"))
        post.error = fields.is_null("error") ? "" : reader.plain(fields, "", "error", 512);
    if (fields.has("facts"))
        fields.object("facts", [&](JsonFields& given) {
            Reader facts;
            post.facts = facts.facts(given);
            std::ranges::move(facts.left_out, std::back_inserter(reader.left_out));
        });
    if (fields.has("session")) {
        post.session = json(nullptr);
        if (!fields.is_null("session"))
            fields.object("session", [&](JsonFields& given) {
                post.session = reader.members(given, "session.", k_session);
            });
    }
    post.left_out = std::move(reader.left_out);
}

}  // namespace

Result<StatusPost> parse_status(std::string_view body) {
    if (body.size() > k_max_status_bytes)
        return fail(ErrorCode::P08, "status of {} bytes: must be at most {}", body.size(),
                    k_max_status_bytes);
    StatusPost post;
    BERTH_TRY(read_json(body, k_format, [&](JsonFields& fields) { read_status(fields, post); }));
    return post;
}

}  // namespace berth::server
