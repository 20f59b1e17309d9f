// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/result.h"

#include <cerrno>
#include <cstring>
#include <system_error>

namespace berth {
namespace {

struct Row {
    std::string_view name;
    Condition condition;
    std::string_view summary, help;
};

constexpr Row k_rows[] = {
#define BERTH_ERROR(code, condition, what, help) {"BERTH-" #code, Condition::condition, what, help},
#include "base/error_codes.def"
#undef BERTH_ERROR
};

}  // namespace

/// The only one who knows what a code is made of.
struct ErrorTable {
    static const Row& row(ErrorCode code) { return k_rows[static_cast<size_t>(code.row_)]; }
};

std::string_view code_name(ErrorCode code) {
    return ErrorTable::row(code).name;
}
std::string_view code_summary(ErrorCode code) {
    return ErrorTable::row(code).summary;
}
std::string_view code_help(ErrorCode code) {
    return ErrorTable::row(code).help;
}
Condition code_condition(ErrorCode code) {
    return ErrorTable::row(code).condition;
}

Error Error::with_condition(Condition condition) const {
    Error same = *this;
    same.condition_ = condition;
    return same;
}

Error Error::with_detail(std::string detail) const {
    Error same = *this;
    same.detail_ = std::move(detail);
    return same;
}

Error Error::with_prefix(std::string_view prefix) const {
    return with_detail(detail_.empty() ? std::string(prefix) : fmt::format("{}: {}", prefix, detail_));
}

std::string Error::to_user() const {
    std::string text = fmt::format("{}: {}", code_name(code_), code_summary(code_));
    if (!detail_.empty()) text += ": " + detail_;
    if (text.back() != '.') text += '.';
    return text + " " + std::string(code_help(code_));
}

std::string Error::to_log() const {
    return fmt::format("{} {}", code_name(code_), detail_.empty() ? code_summary(code_) : detail_);
}

std::unexpected<Error> fail_errno(std::string_view what) {
    return fail_errno(errno, what);
}

std::unexpected<Error> fail_errno(int error_number, std::string_view what) {
    const bool full = error_number == ENOSPC || error_number == EDQUOT;
    return fail(full ? ErrorCode::I06 : ErrorCode::I01, "{}: {}", what,
                std::generic_category().message(error_number));
}

}  // namespace berth
