// SPDX-License-Identifier: GPL-3.0-or-later
// Errors are values. Result<T> is returned by whatever can fail; an Error carries a stable code from
// error_codes.def, which also holds the sentence for the user and what they can do.
#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace berth {

/// One per row of error_codes.def, named by its code: ErrorCode::M03 is "BERTH-M03".
enum class ErrorCode {
#define BERTH_ERROR(code, what, help) code,
#include "base/error_codes.def"
#undef BERTH_ERROR
};

/// "BERTH-M03".
std::string_view code_name(ErrorCode code);
/// What happened, without a full stop: "Your files are read-only".
std::string_view code_summary(ErrorCode code);
/// What to do, whole sentences.
std::string_view code_help(ErrorCode code);

/// A failure: a stable code and what is particular to this one. Each layer may add its prefix.
class Error {
  public:
    /// `detail` names place, value and legal range ("swap size 0: must be 64 MiB to 1 TiB"); it may be empty.
    explicit Error(ErrorCode code, std::string detail = {}) : code_(code), detail_(std::move(detail)) {}

    ErrorCode code() const { return code_; }
    const std::string& detail() const { return detail_; }

    /// The same error with "prefix: " before its detail.
    Error with_prefix(std::string_view prefix) const;

    /// For a screen: "BERTH-M03: Your files are read-only: <detail>. <help>".
    std::string to_user() const;
    /// For a log: "BERTH-M03 <detail, or the summary>".
    std::string to_log() const;

  private:
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

/// Leaves the function with the error of `expression` (a Result of anything) if it has one.
#define BERTH_TRY(expression)                                                    \
    do {                                                                         \
        if (auto berth_try_result = (expression); !berth_try_result.has_value()) \
            return std::unexpected(berth_try_result.error());                    \
    } while (false)
