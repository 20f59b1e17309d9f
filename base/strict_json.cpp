// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/strict_json.h"

#include <vector>

#include "base/plain_text.h"

namespace berth {

using nlohmann::json;

Result<json> parse_json_object(std::string_view text, ErrorCode code) {
    std::vector<std::set<std::string>> keys;
    std::string duplicate;
    bool deep = false;
    // The parser keeps the last of two equal keys; another reader may keep the first. Refuse such a text
    // instead.
    const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
        if (event == json::parse_event_t::object_start) keys.emplace_back();
        if (event == json::parse_event_t::object_end) keys.pop_back();
        if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
            duplicate = parsed.get<std::string>();
        if (depth > k_max_json_depth) deep = true;
        return !deep;
    };
    json value = json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
    if (deep) return fail(code, "nested deeper than {} levels", k_max_json_depth);
    if (value.is_discarded()) return fail(code, "not a JSON text");
    if (!value.is_object()) return fail(code, "not a JSON object");
    if (!duplicate.empty()) return fail(code, "key \"{}\" appears twice", duplicate);
    return value;
}

JsonFields::JsonFields(const json& object, ErrorCode code, std::string place)
    : object_(object), code_(code), place_(std::move(place)) {
    if (!object_.is_object()) fault_ = fail(code_, "{}: must be an object", place_);
}

void JsonFields::fault(std::string_view name, std::string_view what) {
    if (fault_) fault_ = fail(code_, "{}: {}: {}", place_, name, what);
}

bool JsonFields::has(std::string_view name) const {
    return object_.is_object() && object_.contains(name);
}

const json* JsonFields::take(std::string_view name) {
    taken_.emplace(name);
    if (!fault_) return nullptr;
    const auto it = object_.find(name);
    if (it == object_.end()) {
        fault(name, "is missing");
        return nullptr;
    }
    return &*it;
}

std::string JsonFields::text(std::string_view name, size_t min, size_t max) {
    const json* value = take(name);
    if (value == nullptr) return {};
    const auto* s = value->get_ptr<const std::string*>();
    if (s == nullptr || s->size() < min || s->size() > max) {
        fault(name, fmt::format("must be a text of {} to {} bytes", min, max));
        return {};
    }
    if (!is_plain_text(*s)) {
        fault(name, "must not hold control characters");
        return {};
    }
    return *s;
}

uint64_t JsonFields::number(std::string_view name, uint64_t min, uint64_t max) {
    const json* value = take(name);
    if (value == nullptr) return min;
    if (!value->is_number_unsigned() || value->get<uint64_t>() < min || value->get<uint64_t>() > max) {
        fault(name, fmt::format("must be a whole number from {} to {}", min, max));
        return min;
    }
    return value->get<uint64_t>();
}

bool JsonFields::boolean(std::string_view name) {
    const json* value = take(name);
    if (value == nullptr) return false;
    if (!value->is_boolean()) {
        fault(name, "must be true or false");
        return false;
    }
    return value->get<bool>();
}

const json* JsonFields::object(std::string_view name) {
    const json* value = take(name);
    if (value != nullptr && !value->is_object()) {
        fault(name, "must be an object");
        return nullptr;
    }
    return value;
}

const json* JsonFields::array(std::string_view name, size_t min, size_t max) {
    const json* value = take(name);
    if (value != nullptr && (!value->is_array() || value->size() < min || value->size() > max)) {
        fault(name, fmt::format("must be a list of {} to {} members", min, max));
        return nullptr;
    }
    return value;
}

Status JsonFields::done() {
    if (fault_)
        for (const auto& [name, value] : object_.items())
            if (!taken_.contains(name)) fault(name, "is not a known key");
    return fault_;
}

}  // namespace berth
