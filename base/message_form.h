// SPDX-License-Identifier: GPL-3.0-or-later
// Messages as structs. The form of a struct says once how it travels in a frame (base/message.h): its type, and the
// name, the member and the limits of each field. The reader, the writer, and the tables of docs/architecture.md
// "Messages" all come from it. The directions of a socket are std::variants of such structs. Only for the files that
// own a socket: what is behind them knows the structs alone.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "base/message.h"
#include "base/message_descriptor.h"
#include "base/result.h"
#include "base/wiped_text.h"

namespace berth {

/// What a field may hold.
struct FieldLimit {
    uint64_t most = UINT64_MAX;   ///< Of a number; of a text, in bytes; of a list, for each item.
    size_t items = 0;             ///< Of a list.
    bool may_be_missing = false;  ///< Then the member keeps its default; std::optional always may.
    bool (*accepts)(std::string_view) = nullptr;  ///< Of a text: what else must be true of it.
};

template <typename Struct, typename Value>
struct FieldForm {
    std::string_view name;
    Value Struct::* member;
    FieldLimit limit;
};

/// Fields that the form does not name.
enum class OtherFields { dropped, refused };

template <typename... Fields>
struct MessageForm {
    std::string_view type;  ///< Empty: a struct inside of a message.
    OtherFields others;
    std::tuple<Fields...> fields;
};

template <typename Struct, typename Value>
constexpr FieldForm<Struct, Value> field(std::string_view name, Value Struct::* member,
                                         FieldLimit limit = {}) {
    return {name, member, limit};
}

template <typename... Fields>
constexpr MessageForm<Fields...> form(std::string_view type, OtherFields others, Fields... fields) {
    return {type, others, {fields...}};
}

/// A value of an enum that is a field, and how it is written.
template <typename Enum>
struct Word {
    Enum value;
    std::string_view word;
};

template <typename Enum, size_t N>
constexpr std::array<Word<Enum>, N> words(const Word<Enum> (&list)[N]) {
    return std::to_array(list);
}

/// Beside each struct stands `form_of(const Struct*)`, beside each enum `words_of(Enum)`.
template <typename Struct>
concept HasForm = requires(const Struct* message) { form_of(message); };
template <typename Struct>
constexpr auto form_of_type() {
    return form_of(static_cast<const Struct*>(nullptr));
}

template <typename T>
inline constexpr bool k_is_optional = false;
template <typename T>
inline constexpr bool k_is_optional<std::optional<T>> = true;

/// Overwrites every string of `body`.
void wipe(nlohmann::json& body);

// --- Reading: false, or an error, leaves a value that must not be used ---

bool read_value(nlohmann::json& value, const FieldLimit& limit, bool& out);
bool read_value(nlohmann::json& value, const FieldLimit& limit, uint64_t& out);
bool read_value(nlohmann::json& value, const FieldLimit& limit, std::chrono::milliseconds& out);
bool read_value(nlohmann::json& value, const FieldLimit& limit, std::string& out);
/// Overwrites the text in `value`.
bool read_value(nlohmann::json& value, const FieldLimit& limit, WipedText& out);
bool read_value(nlohmann::json& value, const FieldLimit& limit, Descriptor& out);

template <typename Enum>
    requires std::is_enum_v<Enum>
bool read_value(nlohmann::json& value, const FieldLimit&, Enum& out) {
    const auto* text = value.get_ptr<const std::string*>();
    for (const auto& [known, word] : words_of(Enum{}))
        if (text != nullptr && *text == word) return out = known, true;
    return false;
}

template <typename Struct>
Result<Struct> read_struct(nlohmann::json& body);

template <HasForm Struct>
bool read_value(nlohmann::json& value, const FieldLimit&, Struct& out) {
    auto read = read_struct<Struct>(value);
    if (read) out = std::move(*read);
    return read.has_value();
}

template <typename Item>
bool read_value(nlohmann::json& value, const FieldLimit& limit, std::vector<Item>& out) {
    if (!value.is_array() || value.size() > limit.items) return false;
    for (auto& item : value)
        if (!read_value(item, limit, out.emplace_back())) return false;
    return true;
}

template <typename Value>
bool read_value(nlohmann::json& value, const FieldLimit& limit, std::optional<Value>& out) {
    return read_value(value, limit, out.emplace());
}

/// I03 names the field.
template <typename Struct>
Result<Struct> read_struct(nlohmann::json& body) {
    constexpr auto known = form_of_type<Struct>();
    Struct out{};
    Status fault;
    if (!body.is_object()) return fail(ErrorCode::I03, "{}: must be an object", known.type);
    size_t others = body.size() - (known.type.empty() ? 0 : 1);
    const auto read_field = [&]<typename Value>(const FieldForm<Struct, Value>& field) {
        const auto value = body.find(field.name);
        if (!fault) return;
        if (value == body.end()) {
            if (!field.limit.may_be_missing && !k_is_optional<Value>)
                fault = fail(ErrorCode::I03, "{}: no \"{}\"", known.type, field.name);
            return;
        }
        --others;
        if (!read_value(*value, field.limit, out.*field.member))
            fault = fail(ErrorCode::I03, "{}: \"{}\" is of the wrong kind or out of range", known.type,
                         field.name);
    };
    std::apply([&](const auto&... field) { (read_field(field), ...); }, known.fields);
    BERTH_TRY(fault);
    if (known.others == OtherFields::refused && others > 0)
        return fail(ErrorCode::I03, "{}: {} fields that do not belong", known.type, others);
    return out;
}

/// The message of the direction that `body` is; texts that may be a password are overwritten there. I03 for an unknown type, a missing field, a wrong kind or a value out
/// of range.
template <typename Direction>
Result<Direction> read_message(nlohmann::json& body) {
    const auto found = body.is_object() ? body.find("type") : body.end();
    if (found == body.end() || !found->is_string()) return fail(ErrorCode::I03, "no type");
    const auto type = found->template get<std::string>();
    Result<Direction> out = fail(ErrorCode::I03, "unknown type \"{}\"", type.substr(0, 32));
    const auto read_as = [&]<typename Struct>(std::in_place_type_t<Struct>) {
        if (form_of_type<Struct>().type != type) return;
        auto read = read_struct<Struct>(body);
        if (read)
            out = Direction(std::move(*read));
        else
            out = fail(read.error());
    };
    [&]<typename... Structs>(std::variant<Structs...>*) {
        (read_as(std::in_place_type<Structs>), ...);
    }(static_cast<Direction*>(nullptr));
    return out;
}

// --- Writing ---

inline nlohmann::json write_value(bool value) {
    return value;
}
inline nlohmann::json write_value(uint64_t value) {
    return value;
}
inline nlohmann::json write_value(std::chrono::milliseconds value) {
    return static_cast<uint64_t>(value.count());
}
inline nlohmann::json write_value(const std::string& value) {
    return value;
}
nlohmann::json write_value(const WipedText& value);
inline nlohmann::json write_value(Descriptor) {
    return true;
}

template <typename Enum>
    requires std::is_enum_v<Enum>
nlohmann::json write_value(Enum value) {
    for (const auto& [known, word] : words_of(value))
        if (known == value) return word;
    return nullptr;
}

template <typename Struct>
nlohmann::json write_struct(const Struct& message);

template <HasForm Struct>
nlohmann::json write_value(const Struct& value) {
    return write_struct(value);
}

template <typename Item>
nlohmann::json write_value(const std::vector<Item>& value) {
    auto list = nlohmann::json::array();
    for (const auto& item : value) list.push_back(write_value(item));
    return list;
}

template <typename Struct>
nlohmann::json write_struct(const Struct& message) {
    constexpr auto known = form_of_type<Struct>();
    auto body = nlohmann::json::object();
    if (!known.type.empty()) body["type"] = known.type;
    const auto write_field = [&]<typename Value>(const FieldForm<Struct, Value>& field) {
        const Value& value = message.*field.member;
        if constexpr (k_is_optional<Value>) {
            if (value) body[field.name] = write_value(*value);
        } else {
            body[field.name] = write_value(value);
        }
    };
    std::apply([&](const auto&... field) { (write_field(field), ...); }, known.fields);
    return body;
}

template <typename Direction>
nlohmann::json write_message(const Direction& message) {
    return std::visit([](const auto& m) { return write_struct(m); }, message);
}

/// The whole frame; what was needed to make it is overwritten. I03 when it is too large.
template <typename Direction>
Result<std::string> frame_of_message(const Direction& message) {
    auto body = write_message(message);
    auto frame = make_frame(body);
    wipe(body);
    return frame;
}

}  // namespace berth
