// SPDX-License-Identifier: GPL-3.0-or-later
// What the guard lets through is bounded for the recursive parser behind it; and nothing untrusted reaches a
// message but printable text.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/plain_text.h"
#include "guest/toml_guard.h"
#include "guest/toml_table.h"

namespace {

using namespace berth::guest;

int depth_of(const toml::node& node) {
    int deepest = 0;
    if (const auto* table = node.as_table())
        for (const auto& [key, value] : *table) deepest = std::max(deepest, depth_of(value));
    if (const auto* array = node.as_array())
        for (const auto& value : *array) deepest = std::max(deepest, depth_of(value));
    return deepest + 1;
}

void must_be_printable(std::string_view text) {
    if (berth::printable(text) != text) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (size_t line = 0; line < 3; ++line) must_be_printable(syntax_hint(text, line));
    (void)parse_size(text);
    if (const auto shape = check_toml_shape(text, "machine.toml"); !shape) {
        must_be_printable(shape.error().detail());
        return 0;
    }
    try {
        // Each open bracket may add the dots of its line and one.
        if (depth_of(toml::parse(text)) > (k_max_toml_depth + 1) * (k_max_toml_depth + 2)) std::abort();
    } catch (const toml::parse_error&) {
    }
    return 0;
}
