// SPDX-License-Identifier: GPL-3.0-or-later
// JSON from outside: parsed without leniency, then taken apart key by key so that whatever is left over is an
// error.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace berth {

/// One JSON text (RFC 8259) with an object on top: no comments, no duplicate key, at most `k_max_json_depth`
/// deep. Errors carry `code` and name what was wrong.
Result<nlohmann::json> parse_json_object(std::string_view text, ErrorCode code);
inline constexpr int k_max_json_depth = 16;

/// Reads the members of one object. The first fault is kept and later reads return a default, so a parser is
/// a list of reads and one look at `done()`, which also refuses members nobody asked for. The object must
/// outlive it.
class JsonFields {
  public:
    /// `place` comes first in every message ("manifest.json: files[0]").
    JsonFields(const nlohmann::json& object, ErrorCode code, std::string place);

    bool has(std::string_view name) const;
    /// The member as it is, for a reader that judges it itself. nullptr after a fault.
    const nlohmann::json* value(std::string_view name) { return take(name); }
    /// A string of `min` to `max` bytes of valid UTF-8 without control characters.
    std::string text(std::string_view name, size_t min, size_t max);
    uint64_t number(std::string_view name, uint64_t min, uint64_t max);
    bool boolean(std::string_view name);
    /// nullptr after a fault.
    const nlohmann::json* object(std::string_view name);
    const nlohmann::json* array(std::string_view name, size_t min, size_t max);
    /// For the caller's own checks.
    void fault(std::string_view name, std::string_view what);

    Status done();

  private:
    const nlohmann::json* take(std::string_view name);

    const nlohmann::json& object_;
    ErrorCode code_;
    std::string place_;
    std::set<std::string, std::less<>> taken_;
    Status fault_;
};

}  // namespace berth
