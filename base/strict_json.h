// SPDX-License-Identifier: GPL-3.0-or-later
// The one reader of JSON that comes from outside of a program: files, answers, messages, rows of a database.
// The text is parsed without leniency (RFC 8259), then taken apart member by member; what is wrong is told in
// one shape:
//   volume.json: lock.epoch 0: must be a whole number from 1 to 18446744073709551615
//   volume.json: nfs.uid is missing: must be a whole number from 0 to 4294967295
//   volume.json: nfs.colour: is not a known member
// tests/integration/checkout/test_json.py finds what reads JSON otherwise, and compares the formats with the
// table "JSON from outside" of docs/architecture.md. Pure.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berth {

/// What one kind of text may be: a constant beside its reader.
struct JsonFormat {
    enum UnknownMembers { refuse, ignore };
    std::string_view name;     ///< Of the file, or who sends it; begins every error.
    ErrorCode code;            ///< Of every error.
    UnknownMembers unknown;    ///< Members that nobody asked for, at every level.
    std::string_view why;      ///< Why they are refused or ignored.
    size_t longest = 1 << 20;  ///< Bytes of a text.
};

inline constexpr int k_json_levels = 16;

/// Any value: UTF-8, no comments, nothing behind it, no member twice in an object, at most k_json_levels of
/// objects and lists in one another.
Result<nlohmann::json> parse_json(std::string_view text, const JsonFormat& format);

class JsonFields;
using ReadMembers = std::function<void(JsonFields&)>;
/// A text with an object on top, taken apart by `read`. The error is the first fault.
Status read_json(std::string_view text, const JsonFormat& format, const ReadMembers& read);
/// The same for what parse_json() gave.
Status read_members(const nlohmann::json& object, const JsonFormat& format, const ReadMembers& read);

/// The members of one object, for the time of a ReadMembers. The first fault of the whole text is kept, and
/// later reads return a default, so a reader is a list of reads.
class JsonFields {
  public:
    /// Nothing is a fault here.
    bool has(std::string_view name) const { return object_.contains(name); }
    /// Whether it is there and null; a missing one is a fault.
    bool is_null(std::string_view name);
    /// `min` to `max` bytes of UTF-8 without control characters.
    std::string text(std::string_view name, size_t min, size_t max);
    /// `min` to `max` bytes of UTF-8.
    std::string any_text(std::string_view name, size_t min, size_t max);
    /// A word's value; `names` are pairs of a value and its word. After a fault the first.
    template <typename Names>
    auto choice(std::string_view name, const Names& names) {
        std::vector<std::string_view> words;
        for (const auto& [value, word] : names) words.emplace_back(word);
        return std::begin(names)[word(name, words)].first;
    }
    template <std::integral T = uint64_t>
    T number(std::string_view name, uint64_t min = 0, uint64_t max = std::numeric_limits<T>::max()) {
        return static_cast<T>(whole(name, min, max));
    }
    bool boolean(std::string_view name);
    void object(std::string_view name, const ReadMembers& read);
    /// A list of `min` to `max` objects, each read by `read`.
    void objects(std::string_view name, size_t min, size_t max, const ReadMembers& read);
    /// A list of at most `most` texts of at most `longest` bytes of UTF-8.
    std::vector<std::string> texts(std::string_view name, size_t most, size_t longest);
    /// A list of at most `most` numbers up to `max`.
    template <std::integral T>
    std::vector<T> numbers(std::string_view name, size_t most, uint64_t max = std::numeric_limits<T>::max()) {
        const auto found = wholes(name, most, max);
        return {found.begin(), found.end()};
    }
    /// The member as it is, for a reader that judges it itself. nullptr: it is missing, or after a fault.
    const nlohmann::json* member(std::string_view name);
    /// The members that nothing has read yet, name and JSON text: for whoever writes them again. They count as read.
    std::map<std::string, std::string> others();
    /// For the caller's own checks: `must` says what it must be.
    void fault(std::string_view name, std::string_view must);

  private:
    struct Reading {
        const JsonFormat& format;
        Status fault = {};
    };
    friend Status read_members(const nlohmann::json&, const JsonFormat&, const ReadMembers&);
    JsonFields(Reading& reading, const nlohmann::json& object, std::string path)
        : reading_(reading), object_(object), path_(std::move(path)) {}
    void read(const ReadMembers& read);
    const nlohmann::json* list(std::string_view name, size_t min, size_t max);
    size_t word(std::string_view name, const std::vector<std::string_view>& words);
    uint64_t whole(std::string_view name, uint64_t min, uint64_t max);
    std::vector<uint64_t> wholes(std::string_view name, size_t most, uint64_t max);
    void unknown(const std::string& path);
    void fault_at(const std::string& path, const nlohmann::json* value, std::string_view must);

    Reading& reading_;
    const nlohmann::json& object_;
    std::string path_;  ///< "nfs." or "disks[0].", before a member's name.
    std::set<std::string, std::less<>> taken_;
};

/// One value's kind: nullptr or nullopt when it is of another, or out of its range.
const std::string* json_text(const nlohmann::json& value);
std::optional<uint64_t> json_number(const nlohmann::json& value, uint64_t min, uint64_t max);
/// A member of a value that was checked when it was stored: null or `otherwise` when it is not there or of
/// another kind, whatever `object` is.
const nlohmann::json& json_member(const nlohmann::json& object, std::string_view name);
std::string member_text(const nlohmann::json& object, std::string_view name, std::string_view otherwise);

/// Its text, on one line unless `indent` is given. Bytes that are no UTF-8 become U+FFFD; nothing is thrown.
std::string dump_json(const nlohmann::json& value, int indent = -1);

}  // namespace berth
