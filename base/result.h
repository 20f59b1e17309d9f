// SPDX-License-Identifier: GPL-3.0-or-later
// Errors are values. Result<T> is returned by whatever can fail. An Error carries a condition, which the
// program branches on, and a stable code from error_codes.def, which people read: it has no value to compare
// or to switch on. What a caller must always tell apart is in the return type instead.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace berth {

/// What a failure means for whoever called. It may grow: no switch has a default.
enum class Condition {
    absent,       ///< It is not there.
    exists,       ///< The name is taken.
    refused,      ///< It was understood, and is not allowed.
    unreachable,  ///< No connection: nothing was sent.
    no_answer,    ///< No answer in time; it may have been done, and may still be.
    stale,        ///< What was found earlier is not there any more: look it up again.
    changed,      ///< What the work was based on is another meanwhile: begin anew.
    lost,         ///< It was ours, or nearly, and is somebody else's.
    full,         ///< There is no room for it.
    too_large,    ///< More than is taken.
    busy,         ///< In use; later it may be free.
    unsaved,      ///< What was acknowledged is not safe; to continue may lose it.
    cancelled,    ///< A person or a signal ended it.
    unsupported,  ///< It cannot be done here.
    invalid,      ///< Malformed or out of range: the same again fails again.
    other,        ///< Nothing that a program could act on.
};

/// One per row of error_codes.def, named by its code: ErrorCode::M03 is "BERTH-M03".
class ErrorCode {
  public:
#define BERTH_ERROR(code, condition, what, help) static const ErrorCode code;
#include "base/error_codes.def"
#undef BERTH_ERROR
    friend bool operator==(ErrorCode, ErrorCode) = delete;

  private:
    enum class Row : uint16_t {
#define BERTH_ERROR(code, condition, what, help) code,
#include "base/error_codes.def"
#undef BERTH_ERROR
    };
    explicit constexpr ErrorCode(Row row) : row_(row) {}
    friend struct ErrorTable;
    Row row_;
};
#define BERTH_ERROR(code, condition, what, help) \
    inline constexpr ErrorCode ErrorCode::code{ErrorCode::Row::code};
#include "base/error_codes.def"
#undef BERTH_ERROR

/// "BERTH-M03".
std::string_view code_name(ErrorCode code);
/// What happened, without a full stop: "Your files are read-only".
std::string_view code_summary(ErrorCode code);
/// What to do, whole sentences.
std::string_view code_help(ErrorCode code);
/// What it means where the place that fails says nothing else.
Condition code_condition(ErrorCode code);

/// A failure: its condition, a stable code and what is particular to this one. Each layer may add its prefix.
class Error {
  public:
    /// `detail` names place, value and valid range ("swap size 0: must be 64 MiB to 1 TiB"); it may be empty.
    explicit Error(ErrorCode code, std::string detail = {})
        : condition_(code_condition(code)), code_(code), detail_(std::move(detail)) {}

    Condition condition() const { return condition_; }
    ErrorCode code() const { return code_; }
    const std::string& detail() const { return detail_; }

    /// The same error where the place knows better than the code what it means.
    Error with_condition(Condition condition) const;
    Error with_detail(std::string detail) const;
    /// The same error with "prefix: " before its detail.
    Error with_prefix(std::string_view prefix) const;

    /// For a screen: "BERTH-M03: Your files are read-only: <detail>. <help>".
    std::string to_user() const;
    /// For a log: "BERTH-M03 <detail, or the summary>".
    std::string to_log() const;

  private:
    Condition condition_;
    ErrorCode code_;
    std::string detail_;
};

/// std::expected with our Error, which may not be dropped silently. (A class, for an alias cannot be
/// [[nodiscard]].)
template <typename T>
class [[nodiscard]] Result : public std::expected<T, Error> {
  public:
    using std::expected<T, Error>::expected;
};
using Status = Result<void>;

/// Whether it failed, and so.
template <typename T>
bool failed_as(const Result<T>& result, Condition condition) {
    return !result && result.error().condition() == condition;
}

/// return fail(ErrorCode::M03, "server {}", name);
template <typename... Args>
std::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
    return std::unexpected<Error>(Error(code, fmt::format(format, std::forward<Args>(args)...)));
}
inline std::unexpected<Error> fail(ErrorCode code) {
    return std::unexpected<Error>(Error(code));
}
/// Hands an error of one Result on as another's: return fail(result.error());
inline std::unexpected<Error> fail(Error error) {
    return std::unexpected<Error>(std::move(error));
}
/// I01 (I06 for ENOSPC and EDQUOT) with errno's text: "open /x: No such file or directory". Reads errno first
/// thing.
std::unexpected<Error> fail_errno(std::string_view what);
std::unexpected<Error> fail_errno(int error_number, std::string_view what);

}  // namespace berth

/// The value of `expression` (a Result); leaves the function with its error if it has one. Nothing is evaluated before
/// it in its statement: const auto record = BERTH_TRY(read_record(path));
#define BERTH_TRY(expression)                                                                           \
    ({                                                                                                  \
        auto berth_try_result = (expression);                                                           \
        if (!berth_try_result.has_value()) return std::unexpected(std::move(berth_try_result).error()); \
        *std::move(berth_try_result);                                                                   \
    })
