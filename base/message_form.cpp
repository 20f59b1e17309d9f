// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/message_form.h"

#include <string.h>

namespace berth {

using nlohmann::json;

namespace {

bool fits(const std::string* text, const FieldLimit& limit) {
    return text != nullptr && text->size() <= limit.most &&
           (limit.accepts == nullptr || limit.accepts(*text));
}

}  // namespace

bool read_value(json& value, const FieldLimit&, bool& out) {
    const auto* flag = value.get_ptr<const bool*>();
    if (flag != nullptr) out = *flag;
    return flag != nullptr;
}

bool read_value(json& value, const FieldLimit& limit, uint64_t& out) {
    const auto* number = value.get_ptr<const json::number_unsigned_t*>();
    if (number == nullptr || *number > limit.most) return false;
    out = *number;
    return true;
}

bool read_value(json& value, const FieldLimit& limit, std::chrono::milliseconds& out) {
    constexpr uint64_t k_most = INT64_MAX / 1'000'000;  // what a Duration, in nanoseconds, can hold
    uint64_t count = 0;
    if (!read_value(value, {.most = std::min(limit.most, k_most)}, count)) return false;
    out = std::chrono::milliseconds(count);
    return true;
}

bool read_value(json& value, const FieldLimit& limit, std::string& out) {
    const auto* text = value.get_ptr<const std::string*>();
    if (!fits(text, limit)) return false;
    out = *text;
    return true;
}

bool read_value(json& value, const FieldLimit& limit, WipedText& out) {
    auto* text = value.get_ptr<std::string*>();
    const bool good = fits(text, limit);
    if (good) out = WipedText(*text);
    wipe(value);
    return good;
}

bool read_value(json& value, const FieldLimit&, Descriptor&) {
    return value == true;
}

json write_value(const WipedText& text) {
    // Filled where it stays: a string that is moved there leaves its bytes behind.
    json value = "";
    value.get_ref<std::string&>().assign(text.view());
    return value;
}

void wipe(json& body) {
    if (body.is_string()) {
        auto& text = body.get_ref<std::string&>();
        explicit_bzero(text.data(), text.size());
    } else if (body.is_structured()) {
        for (auto& item : body) wipe(item);
    }
}

}  // namespace berth
