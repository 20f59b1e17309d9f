// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/toml_table.h"

#include <algorithm>
#include <charconv>

#include "base/plain_text.h"
#include "guest/toml_guard.h"

namespace berth::guest {
namespace {

constexpr uint64_t k_mib = 1 << 20;

/// Levenshtein distance of two short words.
size_t distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = std::exchange(row[0], i);
        for (size_t j = 1; j <= b.size(); ++j)
            diagonal = std::exchange(
                row[j], std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])}));
    }
    return row[b.size()];
}

/// "a", "b" or "c".
std::string either(const std::vector<std::string_view>& words) {
    std::string text;
    for (size_t i = 0; i < words.size(); ++i)
        text += fmt::format("{}\"{}\"", i == 0 ? "" : i + 1 == words.size() ? " or " : ", ", words[i]);
    return text;
}

std::string_view type_name(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table:
            return "a table";
        case toml::node_type::array:
            return "an array";
        case toml::node_type::string:
            return "a string";
        case toml::node_type::integer:
            return "an integer";
        case toml::node_type::floating_point:
            return "a floating-point number";
        case toml::node_type::boolean:
            return "a boolean";
        default:
            return "a date or time";
    }
}

/// The value as a message shows it.
std::string value_text(const toml::node& node) {
    if (const auto* s = node.as_string()) return in_quotes(s->get());
    if (const auto* i = node.as_integer()) return fmt::format("{}", i->get());
    if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
    return std::string(type_name(node));
}

}  // namespace

void Problem::at(uint32_t line, ErrorCode code, std::string_view text) {
    if (error) return;
    error = line == 0 ? Error(code, fmt::format("{}: {}", file, text))
                      : Error(code, fmt::format("{} line {}: {}", file, line, text));
}

TomlTable::TomlTable(const toml::table& table, std::string name,
                     std::initializer_list<std::string_view> known, Problem& problem)
    : table_(table), name_(std::move(name)), problem_(problem) {
    // toml++ sorts keys; the user reads from the top.
    const toml::key* first = nullptr;
    for (const auto& [key, node] : table_) {
        if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
        if (first == nullptr || key.source().begin < first->source().begin) first = &key;
    }
    if (first == nullptr) return;
    const std::string_view unknown = first->str();
    std::string_view near;
    size_t best = unknown.size() > 32 ? 0 : 3;
    for (const std::string_view k : known)
        if (best > 0 && distance(unknown, k) < best) best = distance(unknown, near = k);
    std::string text =
        fmt::format("unknown key {}{}", in_quotes(unknown), name_.empty() ? "" : " in " + name_);
    if (!near.empty()) {
        text += fmt::format("; perhaps \"{}\" is meant", near);
    } else {
        text += ": known are";
        for (const std::string_view k : known)
            text += fmt::format("{} {}", k == *known.begin() ? "" : ",", k);
    }
    problem_.at(first->source().begin.line, ErrorCode::C02, text);
}

std::string TomlTable::label(std::string_view key) const {
    return name_.empty() ? std::string(key) : fmt::format("{} of {}", key, name_);
}

uint32_t TomlTable::line_of(std::string_view key) const {
    const toml::node* node = table_.get(key);
    return node != nullptr ? node->source().begin.line : table_.source().begin.line;
}

void TomlTable::missing(std::string_view key, std::string_view right) {
    problem_.at(name_.empty() ? 0 : table_.source().begin.line, ErrorCode::C05,
                fmt::format("{} is missing: must be {}{}", label(key), right,
                            name_.empty() ? "; it belongs before the first line in [brackets]" : ""));
}

void TomlTable::wrong_type(const toml::node& node, std::string_view key, std::string_view right) {
    const bool shown = node.is_string() || node.is_integer() || node.is_boolean();
    problem_.at(node.source().begin.line, ErrorCode::C03,
                fmt::format("{} {}{}: must be {}", label(key), shown ? "" : "is ", value_text(node), right));
}

void TomlTable::wrong(std::string_view key, std::string_view value, std::string_view right, ErrorCode code) {
    problem_.at(line_of(key), code, fmt::format("{} {}: must be {}", label(key), in_quotes(value), right));
}

void TomlTable::reject(std::string_view key, std::string_view text, ErrorCode code) {
    problem_.at(line_of(key), code, fmt::format("{}: {}", label(key), text));
}

int64_t TomlTable::integer(std::string_view key, int64_t low, int64_t high, std::optional<int64_t> fallback) {
    const std::string right =
        low == high ? fmt::format("{}", low) : fmt::format("an integer, {} to {}", low, high);
    const toml::node* node = table_.get(key);
    if (node == nullptr) {
        if (!fallback) missing(key, right);
        return fallback.value_or(low);
    }
    const auto* value = node->as_integer();
    if (value != nullptr && value->get() >= low && value->get() <= high) return value->get();
    wrong_type(*node, key, right);
    return fallback.value_or(low);
}

bool TomlTable::boolean(std::string_view key, bool fallback) {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return fallback;
    if (const auto* value = node->as_boolean()) return value->get();
    wrong_type(*node, key, "true or false, without quotes");
    return fallback;
}

std::string TomlTable::string(std::string_view key, std::string_view example,
                              std::optional<std::string> fallback) {
    const toml::node* node = table_.get(key);
    if (node == nullptr) {
        if (!fallback) missing(key, example);
        return fallback.value_or("");
    }
    if (const auto* value = node->as_string()) return value->get();
    wrong_type(*node, key, example);
    return fallback.value_or("");
}

uint64_t TomlTable::size(std::string_view key, uint64_t low, uint64_t high) {
    const std::string right = fmt::format("a size such as \"{}\", from {} to {} in whole MiB",
                                          size_text(1ULL << 30), size_text(low), size_text(high));
    const toml::node* node = table_.get(key);
    if (node == nullptr) {
        missing(key, right);
        return low;
    }
    if (const auto* value = node->as_string()) {
        const auto bytes = parse_size(value->get());
        if (bytes && *bytes >= low && *bytes <= high && *bytes % k_mib == 0) return *bytes;
    }
    wrong_type(*node, key, right);
    return low;
}

std::optional<size_t> TomlTable::choose(std::string_view key, const std::vector<std::string_view>& words,
                                        bool optional) {
    const toml::node* node = table_.get(key);
    if (node == nullptr) {
        if (!optional) missing(key, either(words));
        return std::nullopt;
    }
    if (const auto* value = node->as_string()) {
        const auto found = std::find(words.begin(), words.end(), value->get());
        if (found != words.end()) return found - words.begin();
    }
    wrong_type(*node, key, either(words));
    return std::nullopt;
}

std::vector<std::string> TomlTable::word_list(std::string_view key,
                                              std::initializer_list<std::string_view> words,
                                              std::vector<std::string> fallback) {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return fallback;
    const std::string right = "an array of " + either(words);
    const auto* array = node->as_array();
    if (array == nullptr) {
        wrong_type(*node, key, right);
        return fallback;
    }
    std::vector<std::string> list;
    for (const toml::node& entry : *array) {
        const auto* value = entry.as_string();
        if (value == nullptr || std::find(words.begin(), words.end(), value->get()) == words.end()) {
            wrong_type(entry, key, right);
            return fallback;
        }
        if (std::find(list.begin(), list.end(), value->get()) != list.end()) {
            problem_.at(entry.source().begin.line, ErrorCode::C03,
                        fmt::format("{}: {} appears twice", label(key), value_text(entry)));
            return fallback;
        }
        list.push_back(value->get());
    }
    return list;
}

const toml::table* TomlTable::table(std::string_view key) {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return nullptr;
    if (node->is_table()) return node->as_table();
    wrong_type(*node, key, fmt::format("a table: [{}]", key));
    return nullptr;
}

const toml::array* TomlTable::tables(std::string_view key) {
    const toml::node* node = table_.get(key);
    const std::string right = fmt::format("an array of tables: [[{}]]", key);
    if (node == nullptr) {
        problem_.at(0, ErrorCode::C05, fmt::format("{} is missing: must be {}", label(key), right));
        return nullptr;
    }
    const auto* array = node->as_array();
    if (array != nullptr && !array->empty() && array->is_homogeneous(toml::node_type::table)) return array;
    wrong_type(*node, key, right);
    return nullptr;
}

std::string size_text(uint64_t bytes) {
    constexpr std::string_view units[] = {"TiB", "GiB", "MiB", "KiB"};
    for (int i = 0; i < 4; ++i) {
        const uint64_t unit = 1ULL << (40 - 10 * i);
        if (bytes >= unit && bytes % unit == 0) return fmt::format("{} {}", bytes / unit, units[i]);
    }
    return fmt::format("{} bytes", bytes);
}

std::optional<uint64_t> parse_size(std::string_view text) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.starts_with(' ')) text.remove_prefix(1);
    int shift = 0;
    if (text == "KiB") shift = 10;
    if (text == "MiB") shift = 20;
    if (text == "GiB") shift = 30;
    if (text == "TiB") shift = 40;
    if (shift == 0 || number > (UINT64_MAX >> shift)) return std::nullopt;
    return number << shift;
}

}  // namespace berth::guest
