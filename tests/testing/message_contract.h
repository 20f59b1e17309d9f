// SPDX-License-Identifier: GPL-3.0-or-later
// What is true of each direction of a socket whose messages have forms (base/message_form.h), and its table in
// docs/architecture.md.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/message_form.h"

namespace berth::message_contract {

using nlohmann::json;

/// Calls `f` with std::in_place_type<Struct> for each message of the direction.
template <typename Direction, typename F>
void for_each_message(const F& f) {
    [&]<typename... Structs>(std::variant<Structs...>*) {
        (f(std::in_place_type<Structs>), ...);
    }(static_cast<Direction*>(nullptr));
}

template <typename Struct, typename F>
void for_each_field(const F& f) {
    std::apply([&](const auto&... field) { (f(field), ...); }, form_of_type<Struct>().fields);
}

// --- Values that a field takes, and such that it does not ---

struct Values {
    std::vector<json> good, bad;
};

template <typename Value>
Values values_of(std::type_identity<Value>, const FieldLimit& limit) {
    const json huge = json::parse("18446744073709551616"), minus = json::parse("-1"),
               half = json::parse("1.5");
    if constexpr (k_is_optional<Value>) {
        return values_of(std::type_identity<typename Value::value_type>{}, limit);
    } else if constexpr (std::is_same_v<Value, bool>) {
        return {{true, false}, {nullptr, 0U, 1U, "true", json::array(), json::object()}};
    } else if constexpr (std::is_same_v<Value, Descriptor>) {
        return {{true}, {false, nullptr, 1U, "true", json::array(), json::object()}};
    } else if constexpr (std::is_same_v<Value, uint64_t> ||
                         std::is_same_v<Value, std::chrono::milliseconds>) {
        constexpr bool is_number = std::is_same_v<Value, uint64_t>;
        const uint64_t most = std::min<uint64_t>(limit.most, is_number ? UINT64_MAX : INT64_MAX / 1'000'000);
        Values values{{0U, 1U, most},
                      {minus, half, huge, 1e300, nullptr, true, "1", json::array(), json::object()}};
        if (most < UINT64_MAX) values.bad.emplace_back(most + 1), values.bad.emplace_back(UINT64_MAX);
        return values;
    } else if constexpr (std::is_same_v<Value, std::string> || std::is_same_v<Value, WipedText>) {
        Values values{{std::string(limit.most, 'a')}, {nullptr, 7U, true, json::array(), json::object()}};
        values.bad.emplace_back(std::string(limit.most + 1, 'a'));
        if (limit.accepts == nullptr)
            values.good.emplace_back("a\nb\x1b");
        else
            values.bad.emplace_back("a\nb"), values.bad.emplace_back("a\x1b");
        return values;
    } else if constexpr (std::is_enum_v<Value>) {
        Values values{{}, {nullptr, 0U, true, "nonsense", json::array(), json::object()}};
        for (const auto& [value, word] : words_of(Value{})) values.good.emplace_back(word);
        return values;
    } else if constexpr (HasForm<Value>) {
        return {{}, {nullptr, 7U, "x", json::array(), json::object(), json{{"nonsense", 1U}}}};
    } else {
        // A list.
        const Values items = values_of(std::type_identity<typename Value::value_type>{}, limit);
        Values values{{json::array()}, {nullptr, 7U, true, "x", json::object()}};
        for (const auto& item : items.bad) values.bad.push_back(json::array({item}));
        if (!items.good.empty()) {
            values.good.emplace_back(json::array_t(limit.items, "x"));
            values.bad.emplace_back(json::array_t(limit.items + 1, "x"));
        }
        return values;
    }
}

template <typename Direction>
bool reads(json body) {
    return read_message<Direction>(body).has_value();
}

template <typename Direction, typename Struct>
void check_fields(const json& good) {
    for_each_field<Struct>([&]<typename Value>(const FieldForm<Struct, Value>& field) {
        const std::string where = good["type"].get<std::string>() + ": " + std::string(field.name);
        json body = good;
        body.erase(std::string(field.name));
        EXPECT_EQ(reads<Direction>(body), field.limit.may_be_missing || k_is_optional<Value>)
            << where << " missing";
        const Values values = values_of(std::type_identity<Value>{}, field.limit);
        for (const auto& value : values.good) {
            body[field.name] = value;
            auto read = read_message<Direction>(body);
            ASSERT_TRUE(read) << where << " " << value.dump().substr(0, 99);
            EXPECT_EQ(write_message(*read)[field.name], value) << where;
            body = good;
        }
        for (const auto& value : values.bad) {
            body[field.name] = value;
            EXPECT_FALSE(reads<Direction>(body)) << where << " " << value.dump().substr(0, 99);
        }
    });
}

/// `samples` has each message at least once, with every field. Each comes back as it was written, needs each of its
/// fields, and takes no value of another kind or beyond its limit.
template <typename Direction>
void holds_for(const std::vector<Direction>& samples) {
    std::vector<bool> seen(std::variant_size_v<Direction>);
    for (const Direction& sample : samples) {
        seen[sample.index()] = true;
        const json good = write_message(sample);
        json body = good;
        auto read = read_message<Direction>(body);
        ASSERT_TRUE(read) << read.error().to_log();
        EXPECT_TRUE(*read == sample) << good;
        std::visit([&]<typename Struct>(const Struct&) { check_fields<Direction, Struct>(good); }, sample);
        body = good;
        body["more"] = 1U;
        const bool dropped =
            std::visit([]<typename Struct>(
                           const Struct&) { return form_of_type<Struct>().others == OtherFields::dropped; },
                       sample);
        EXPECT_EQ(reads<Direction>(body), dropped) << good << " with more";
        body = good;
        body["type"] = "exec";
        EXPECT_FALSE(reads<Direction>(body));
    }
    for (size_t i = 0; i < seen.size(); ++i) EXPECT_TRUE(seen[i]) << "no sample of message " << i;
    for (const json& body :
         {json::array(), json::object(), json(7U), json{{"type", 7U}}, json{{"type", nullptr}}})
        EXPECT_FALSE(reads<Direction>(body)) << body;
}

// --- docs/architecture.md ---

template <typename Struct>
std::string notation();

template <typename Value>
std::string notation_of(std::type_identity<Value>) {
    if constexpr (std::is_same_v<Value, bool>) {
        return "bool";
    } else if constexpr (std::is_same_v<Value, Descriptor>) {
        return "true";
    } else if constexpr (std::is_same_v<Value, uint64_t> ||
                         std::is_same_v<Value, std::chrono::milliseconds>) {
        return "n";
    } else if constexpr (std::is_same_v<Value, std::string> || std::is_same_v<Value, WipedText>) {
        return "s";
    } else if constexpr (std::is_enum_v<Value>) {
        std::string all;
        for (const auto& [value, word] : words_of(Value{}))
            all += (all.empty() ? "\"" : "\\|\"") + std::string(word) + "\"";
        return all;
    } else if constexpr (k_is_optional<Value>) {
        return notation_of(std::type_identity<typename Value::value_type>{}) + "?";
    } else if constexpr (HasForm<Value>) {
        return notation<Value>();
    } else {
        return "[" + notation_of(std::type_identity<typename Value::value_type>{}) + "...]";
    }
}

/// {"type":"prompt","id":n,"echo":bool,"text":s}; "?" behind what may be missing.
template <typename Struct>
std::string notation() {
    constexpr auto known = form_of_type<Struct>();
    std::string text = known.type.empty() ? "" : fmt::format(R"("type":"{}")", known.type);
    for_each_field<Struct>([&]<typename Value>(const FieldForm<Struct, Value>& field) {
        text += fmt::format(R"({}"{}":{}{})", text.empty() ? "" : ",", field.name,
                            notation_of(std::type_identity<Value>{}), field.limit.may_be_missing ? "?" : "");
    });
    return "{" + text + "}";
}

/// The page's table whose first column is headed `heading` has these messages, in this order.
template <typename Direction>
void is_the_table(const std::string& heading) {
    std::vector<std::string> wanted, found;
    for_each_message<Direction>(
        [&]<typename Struct>(std::in_place_type_t<Struct>) { wanted.push_back(notation<Struct>()); });
    std::ifstream page(BERTH_SOURCE_DIR "/docs/architecture.md");
    std::string line;
    while (std::getline(page, line) && !line.starts_with("| " + heading + " |")) {
    }
    std::getline(page, line);
    while (std::getline(page, line) && line.starts_with("| `"))
        found.push_back(line.substr(3, line.find("` |") - 3));
    EXPECT_EQ(found, wanted) << "docs/architecture.md, \"" << heading << "\"";
}

}  // namespace berth::message_contract
