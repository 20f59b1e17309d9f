// SPDX-License-Identifier: GPL-3.0-or-later
// Whatever bytes come in, what goes out steers no terminal, is not longer than asked, and stays as it is when
// it comes in again.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/output.h"

using namespace berth;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const size_t longest = 3 + data[0];
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    for (const size_t most : {longest, std::string_view::npos}) {
        const std::string made = printable(text, most);
        if (made.size() > most || !is_plain_text(made) || printable(made, most) != made) std::abort();
        for (std::string_view rest = made; !rest.empty();) {
            const auto [code, bytes] = first_character(rest);
            if (!is_printable(code)) std::abort();
            rest.remove_prefix(bytes);
        }
    }
    if (cut_text(text, longest).size() > longest + 3) std::abort();
    const std::string json = printable_json(std::string(text));
    if (!is_plain_text(json)) std::abort();
    const auto read = nlohmann::json::parse(json, nullptr, false);
    if (!read.is_string() || (is_plain_text(text) && read.get<std::string>() != text)) std::abort();
    return 0;
}
