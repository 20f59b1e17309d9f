// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/protocol/protocol.h"

#include <string.h>

#include <map>
#include <string_view>
#include <vector>

namespace berth::supervisor {
namespace {

using nlohmann::json;

enum class Kind { text, name, word, list, number, flag };

struct Field {
    std::string_view name;
    Kind kind;
    std::vector<std::string_view> words = {};  ///< For Kind::word: what it may be.
    bool optional = false;
};
using Schema = std::map<std::string_view, std::vector<Field>>;

constexpr size_t k_text_bytes = 16 * 1024;
constexpr size_t k_name_bytes = 256;
constexpr size_t k_list_items = 256;
constexpr int64_t k_number_max = 1'000'000'000;

const std::vector<std::string_view> k_results{"done", "failed"};
const std::vector<std::string_view> k_powers{"", "poweroff", "reboot"};

Schema asked() {
    return {{"prompt", {{"id", Kind::number}, {"echo", Kind::flag}, {"text", Kind::text}}},
            {"message", {{"style", Kind::word, {"info", "error"}}, {"text", Kind::text}}},
            {"choice",
             {{"id", Kind::number},
              {"title", Kind::text},
              {"options", Kind::list},
              {"default", Kind::number, {}, true}}},
            {"progress",
             {{"step", Kind::name},
              {"text", Kind::text},
              {"state", Kind::word, {"doing", "done", "failed", "undoing"}},
              {"index", Kind::number},
              {"of", Kind::number}}},
            {"clear", {}}};
}

Schema answered() {
    return {{"answer", {{"id", Kind::number}, {"text", Kind::text}}},
            {"chosen", {{"id", Kind::number}, {"index", Kind::number}}},
            {"cancel", {}}};
}

Schema with(Schema base, const Schema& more) {
    base.insert(more.begin(), more.end());
    return base;
}

const Schema& schema_of(Link link) {
    static const Schema to_ui = with(asked(), {{"screen",
                                                {{"mode", Kind::word, {"login", "session", "menu"}},
                                                 {"host", Kind::name},
                                                 {"version", Kind::name},
                                                 {"notices", Kind::list},
                                                 {"sak_hint", Kind::name}}}});
    static const Schema from_ui =
        with(answered(),
             {{"ready", {}},
              {"login", {{"user", Kind::name}}},
              {"power", {{"action", Kind::word, {"poweroff", "reboot"}}}},
              {"menu", {{"action", Kind::word, {"back", "close", "force-off", "status", "send-key"}}}}});
    static const Schema to_session =
        with(answered(), {{"start", {{"user", Kind::name}, {"tty", Kind::name}, {"session", Kind::name}}},
                          {"vm", {{"action", Kind::word, {"close", "force-off", "status"}}}}});
    static const Schema from_session =
        with(asked(), {{"console", {{"fd", Kind::flag}, {"vm", Kind::name, {}, true}}},
                       {"console-end", {}},
                       {"status", {{"text", Kind::text}}},
                       {"end", {{"result", Kind::word, k_results}, {"power", Kind::word, k_powers, true}}}});
    switch (link) {
        case Link::to_ui:
            return to_ui;
        case Link::from_ui:
            return from_ui;
        case Link::to_session:
            return to_session;
        case Link::from_session:
            return from_session;
    }
    return to_ui;
}

bool fits(const Field& field, const json& value) {
    switch (field.kind) {
        case Kind::text:
            return value.is_string() && value.get_ref<const std::string&>().size() <= k_text_bytes;
        case Kind::name:
            return value.is_string() && value.get_ref<const std::string&>().size() <= k_name_bytes;
        case Kind::flag:
            return value.is_boolean();
        case Kind::number:
            // Compared as what it is: a huge unsigned number must not wrap into range.
            if (value.is_number_unsigned())
                return value.get<uint64_t>() <= static_cast<uint64_t>(k_number_max);
            return value.is_number_integer() && value.get<int64_t>() >= 0 &&
                   value.get<int64_t>() <= k_number_max;
        case Kind::word:
            if (!value.is_string()) return false;
            for (auto word : field.words)
                if (value.get_ref<const std::string&>() == word) return true;
            return false;
        case Kind::list:
            if (!value.is_array() || value.size() > k_list_items) return false;
            for (const auto& item : value)
                if (!item.is_string() || item.get_ref<const std::string&>().size() > k_text_bytes)
                    return false;
            return true;
    }
    return false;
}

json default_of(Kind kind) {
    switch (kind) {
        case Kind::number:
            return 0;
        case Kind::flag:
            return false;
        case Kind::list:
            return json::array();
        default:
            return "";
    }
}

}  // namespace

Result<json> check(Link link, json body) {
    if (!body.is_object() || !body.contains("type") || !body["type"].is_string())
        return fail(ErrorCode::I03, "no type");
    const Schema& schema = schema_of(link);
    const std::string type = body["type"].get<std::string>();
    const auto found = schema.find(type);
    if (found == schema.end()) return fail(ErrorCode::I03, "unknown type \"{}\"", type.substr(0, 32));
    json known{{"type", type}};
    for (const Field& field : found->second) {
        const std::string name(field.name);
        const auto value = body.find(name);
        if (value == body.end()) {
            if (!field.optional) return fail(ErrorCode::I03, "{}: no \"{}\"", type, name);
            known[name] = default_of(field.kind);
            continue;
        }
        if (!fits(field, *value))
            return fail(ErrorCode::I03, "{}: \"{}\" is of the wrong kind or out of range", type, name);
        known[name] = std::move(*value);
    }
    return known;
}

void wipe(json& body) {
    if (body.is_string()) {
        auto& text = body.get_ref<std::string&>();
        explicit_bzero(text.data(), text.size());
    } else if (body.is_structured()) {
        for (auto& item : body) wipe(item);
    }
}

}  // namespace berth::supervisor
