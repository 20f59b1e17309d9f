// SPDX-License-Identifier: GPL-3.0-or-later
// Strict reading of one TOML table: each value by key, with type and range; the first problem is kept and
// names file, line, value and what would be right. After a problem the getters return defaults, so a reader
// runs straight through and asks once.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace berth::guest {

/// The first problem met while reading a file.
struct Problem {
    std::string file;
    std::optional<Error> error;

    /// Keeps it unless there was one before. `line` 0: the file as a whole.
    void at(uint32_t line, ErrorCode code, std::string_view text);
};

class TomlTable {
  public:
    /// `known`: every key that may be in it; another is C02 and the nearest is proposed. `name`: "" or
    /// "disk 2" for messages.
    TomlTable(const toml::table& table, std::string name, std::initializer_list<std::string_view> known,
              Problem& problem);

    bool has(std::string_view key) const { return table_.contains(key); }
    /// Required when `fallback` is nullopt (C05 if missing).
    int64_t integer(std::string_view key, int64_t low, int64_t high, std::optional<int64_t> fallback);
    bool boolean(std::string_view key, bool fallback);
    std::string string(std::string_view key, std::string_view example, std::optional<std::string> fallback);
    /// "512 MiB" as bytes; whole MiB.
    uint64_t size(std::string_view key, uint64_t low, uint64_t high);
    /// A word out of a list.
    template <typename T>
    T word(std::string_view key, std::span<const std::pair<std::string_view, T>> words,
           std::optional<T> fallback) {
        std::vector<std::string_view> names;
        for (const auto& [name, value] : words) names.push_back(name);
        const std::optional<size_t> index = choose(key, names, fallback.has_value());
        return index ? words[*index].second : fallback.value_or(words[0].second);
    }
    /// Each word at most once.
    std::vector<std::string> word_list(std::string_view key, std::initializer_list<std::string_view> words,
                                       std::vector<std::string> fallback);
    const toml::table* table(std::string_view key);
    const toml::array* tables(std::string_view key);

    /// Says that the value of `key` is wrong; `right` completes "must be ...".
    void wrong(std::string_view key, std::string_view value, std::string_view right,
               ErrorCode code = ErrorCode::C03);
    /// "line N: key: text" for what is wrong between keys.
    void reject(std::string_view key, std::string_view text, ErrorCode code = ErrorCode::C03);

  private:
    std::optional<size_t> choose(std::string_view key, const std::vector<std::string_view>& words,
                                 bool optional);
    std::string label(std::string_view key) const;
    uint32_t line_of(std::string_view key) const;
    void missing(std::string_view key, std::string_view right);
    void wrong_type(const toml::node& node, std::string_view key, std::string_view right);

    const toml::table& table_;
    std::string name_;
    Problem& problem_;
};

/// "2 GiB", "512 MiB".
std::string size_text(uint64_t bytes);
/// The reverse; nullopt for anything else (a number and KiB, MiB, GiB or TiB; no overflow).
std::optional<uint64_t> parse_size(std::string_view text);

}  // namespace berth::guest
