// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/strict_json.h"

#include <algorithm>

#include "base/plain_text.h"

namespace berth {
namespace {

using nlohmann::json;

constexpr size_t k_longest_shown = 80;

std::string range_of(uint64_t min, uint64_t max) {
    if (min == max) return std::to_string(min);
    return fmt::format("{} to {}", min, max);
}

std::string text_range(size_t min, size_t max) {
    return min == 0 ? fmt::format("must be a text of at most {} bytes", max)
                    : fmt::format("must be a text of {} bytes", range_of(min, max));
}

std::string number_range(uint64_t min, uint64_t max) {
    return min == max ? fmt::format("must be {}", min)
                      : fmt::format("must be a whole number from {} to {}", min, max);
}

}  // namespace

Result<json> parse_json(std::string_view text, const JsonFormat& format) {
    if (text.size() > format.longest)
        return fail(format.code, "{}: {} bytes: must be at most {}", format.name, text.size(),
                    format.longest);
    std::vector<std::set<std::string>> members;
    std::string twice;
    bool deep = false;
    // The parser keeps the last of two equal members; another reader may keep the first. Refuse such a text
    // instead.
    const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
        if (event == json::parse_event_t::object_start) members.emplace_back();
        if (event == json::parse_event_t::object_end) members.pop_back();
        if (event == json::parse_event_t::key && !members.back().insert(parsed.get<std::string>()).second)
            twice = parsed.get<std::string>();
        if (depth > k_json_levels) deep = true;
        return !deep;
    };
    json value = json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
    if (deep) return fail(format.code, "{}: must be at most {} levels deep", format.name, k_json_levels);
    if (value.is_discarded()) return fail(format.code, "{}: must be JSON", format.name);
    if (!twice.empty())
        return fail(format.code, "{}: member {} appears twice", format.name, in_quotes(twice));
    return value;
}

Status read_json(std::string_view text, const JsonFormat& format, const ReadMembers& read) {
    auto value = BERTH_TRY(parse_json(text, format));
    return read_members(value, format, read);
}

Status read_members(const json& object, const JsonFormat& format, const ReadMembers& read) {
    if (!object.is_object()) return fail(format.code, "{}: must be a JSON object", format.name);
    JsonFields::Reading reading{format};
    JsonFields(reading, object, "").read(read);
    return reading.fault;
}

void JsonFields::read(const ReadMembers& read) {
    read(*this);
    if (reading_.format.unknown == JsonFormat::ignore) return;
    for (const auto& [name, _] : object_.items())
        if (!taken_.contains(name)) unknown(path_ + name);
}

void JsonFields::unknown(const std::string& path) {
    if (!reading_.fault) return;
    // What it holds is not shown: of a member that nobody knows nobody knows whether it is a secret.
    reading_.fault = fail(reading_.format.code, "{}: {}: is not a known member", reading_.format.name,
                          printable(path, k_longest_shown));
}

void JsonFields::fault_at(const std::string& path, const json* value, std::string_view must) {
    if (!reading_.fault) return;
    const std::string shown = value == nullptr ? "is missing" : printable(dump_json(*value), k_longest_shown);
    reading_.fault = fail(reading_.format.code, "{}: {} {}: {}", reading_.format.name,
                          printable(path, k_longest_shown), shown, must);
}

void JsonFields::fault(std::string_view name, std::string_view must) {
    const auto it = object_.find(name);
    fault_at(path_ + std::string(name), it == object_.end() ? nullptr : &*it, must);
}

const json* JsonFields::member(std::string_view name) {
    taken_.emplace(name);
    const auto it = object_.find(name);
    return !reading_.fault || it == object_.end() ? nullptr : &*it;
}

std::map<std::string, std::string> JsonFields::others() {
    std::map<std::string, std::string> texts;
    for (const auto& [name, value] : object_.items())
        if (taken_.insert(name).second) texts[name] = dump_json(value);
    return texts;
}

bool JsonFields::is_null(std::string_view name) {
    const json* value = member(name);
    if (value == nullptr) fault(name, "must be null or a value");
    return value == nullptr || value->is_null();
}

std::string JsonFields::text(std::string_view name, size_t min, size_t max) {
    std::string text = any_text(name, min, max);
    if (!is_plain_text(text)) fault(name, text_range(min, max) + " without control characters");
    return text;
}

std::string JsonFields::any_text(std::string_view name, size_t min, size_t max) {
    const json* value = member(name);
    const std::string* text = value == nullptr ? nullptr : json_text(*value);
    if (text != nullptr && text->size() >= min && text->size() <= max) return *text;
    fault(name, text_range(min, max));
    return {};
}

size_t JsonFields::word(std::string_view name, const std::vector<std::string_view>& words) {
    const json* value = member(name);
    const std::string* text = value == nullptr ? nullptr : json_text(*value);
    const auto it = text == nullptr ? words.end() : std::ranges::find(words, *text);
    if (it != words.end()) return static_cast<size_t>(it - words.begin());
    std::string must = "must be ";
    for (size_t i = 0; i < words.size(); ++i)
        must += fmt::format("{}\"{}\"", i == 0 ? "" : i + 1 < words.size() ? ", " : " or ", words[i]);
    fault(name, must);
    return 0;
}

uint64_t JsonFields::whole(std::string_view name, uint64_t min, uint64_t max) {
    const json* value = member(name);
    const auto number = value == nullptr ? std::nullopt : json_number(*value, min, max);
    if (!number) fault(name, number_range(min, max));
    return number.value_or(min);
}

bool JsonFields::boolean(std::string_view name) {
    const json* value = member(name);
    if (value == nullptr || !value->is_boolean()) fault(name, "must be true or false");
    return value != nullptr && *value == true;
}

void JsonFields::object(std::string_view name, const ReadMembers& read) {
    const json* value = member(name);
    if (value == nullptr || !value->is_object()) return fault(name, "must be an object");
    JsonFields(reading_, *value, fmt::format("{}{}.", path_, name)).read(read);
}

const json* JsonFields::list(std::string_view name, size_t min, size_t max) {
    const json* value = member(name);
    if (value != nullptr && value->is_array() && value->size() >= min && value->size() <= max) return value;
    fault(name, fmt::format("must be a list of {} members", range_of(min, max)));
    return nullptr;
}

void JsonFields::objects(std::string_view name, size_t min, size_t max, const ReadMembers& read) {
    const json* all = list(name, min, max);
    for (size_t i = 0; all != nullptr && i < all->size(); ++i) {
        const std::string path = fmt::format("{}{}[{}]", path_, name, i);
        if (!(*all)[i].is_object()) return fault_at(path, &(*all)[i], "must be an object");
        JsonFields(reading_, (*all)[i], path + ".").read(read);
    }
}

std::vector<std::string> JsonFields::texts(std::string_view name, size_t most, size_t longest) {
    std::vector<std::string> found;
    const json* all = list(name, 0, most);
    for (size_t i = 0; all != nullptr && i < all->size(); ++i) {
        const std::string* text = json_text((*all)[i]);
        if (text == nullptr || text->size() > longest)
            fault_at(fmt::format("{}{}[{}]", path_, name, i), &(*all)[i], text_range(0, longest));
        else
            found.push_back(*text);
    }
    return found;
}

std::vector<uint64_t> JsonFields::wholes(std::string_view name, size_t most, uint64_t max) {
    std::vector<uint64_t> found;
    const json* all = list(name, 0, most);
    for (size_t i = 0; all != nullptr && i < all->size(); ++i) {
        if (const auto number = json_number((*all)[i], 0, max))
            found.push_back(*number);
        else
            fault_at(fmt::format("{}{}[{}]", path_, name, i), &(*all)[i], number_range(0, max));
    }
    return found;
}

const std::string* json_text(const json& value) {
    return value.get_ptr<const std::string*>();
}

std::optional<uint64_t> json_number(const json& value, uint64_t min, uint64_t max) {
    // The library would make something of -1, 1.5 and true too.
    if (!value.is_number_unsigned()) return std::nullopt;
    const auto number = value.get<uint64_t>();
    return number >= min && number <= max ? std::optional(number) : std::nullopt;
}

const json& json_member(const json& object, std::string_view name) {
    static const json none;
    const auto it = object.find(name);
    return it == object.end() ? none : *it;
}

std::string member_text(const json& object, std::string_view name, std::string_view otherwise) {
    const std::string* text = json_text(json_member(object, name));
    return text == nullptr ? std::string(otherwise) : *text;
}

std::string dump_json(const json& value, int indent) {
    return value.dump(indent, ' ', false, json::error_handler_t::replace);
}

}  // namespace berth
