// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/record/command_line.h"

namespace berth {

std::vector<std::pair<std::string, std::string>> command_line_values(std::string_view line) {
    std::vector<std::pair<std::string, std::string>> values;
    std::string word;
    const auto take_word = [&] {
        if (const size_t equals = word.find('='); equals != std::string::npos)
            values.emplace_back(word.substr(0, equals), word.substr(equals + 1));
        word.clear();
    };
    bool quoted = false;
    for (const char c : line) {
        if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == ' ' || c == '\t' || c == '\n'))
            take_word();
        else
            word += c;
    }
    take_word();
    return values;
}

std::string command_line_value(std::string_view line, std::string_view name) {
    std::string last;
    for (auto& [key, value] : command_line_values(line))
        if (key == name) last = std::move(value);
    return last;
}

}  // namespace berth
