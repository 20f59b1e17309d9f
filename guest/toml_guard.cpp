// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/toml_guard.h"

#include "base/text.h"

namespace berth::guest {
namespace {

/// Where in TOML's lexical grammar (TOML 1.0 "String", "Comment") a byte is.
enum class Where { plain, comment, basic, literal, long_basic, long_literal };

}  // namespace

Status check_toml_shape(std::string_view text, std::string_view file) {
    if (text.size() > k_max_toml_bytes)
        return fail(ErrorCode::C01, "{}: {} bytes: must be at most 1 MiB", file, text.size());
    Where where = Where::plain;
    int line = 1, depth = 0, dots = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\0')
            return fail(ErrorCode::C01, "{} line {}: a NUL byte: must be plain text in UTF-8", file, line);
        if (c == '\n') {
            ++line;
            dots = 0;
            // A string or comment of one line ends here whatever it is; toml++ refuses the former.
            if (where != Where::long_basic && where != Where::long_literal) where = Where::plain;
            continue;
        }
        const bool triple = (c == '"' || c == '\'') && text.substr(i, 3) == std::string(3, c);
        switch (where) {
            case Where::comment:
                break;
            case Where::basic:
                if (c == '\\' && i + 1 < text.size() && text[i + 1] != '\n')
                    ++i;
                else if (c == '"')
                    where = Where::plain;
                break;
            case Where::literal:
                if (c == '\'') where = Where::plain;
                break;
            case Where::long_basic:
            case Where::long_literal:
                if (where == Where::long_basic && c == '\\') {
                    if (i + 1 < text.size() && text[i + 1] != '\n') ++i;
                } else if (triple && c == (where == Where::long_basic ? '"' : '\'')) {
                    // Up to two quotes may come before the closing three; they belong to the string.
                    i += 2;
                    for (int more = 0; more < 2 && i + 1 < text.size() && text[i + 1] == c; ++more) ++i;
                    where = Where::plain;
                }
                break;
            case Where::plain:
                if (c == '#') where = Where::comment;
                if (c == '"') where = triple ? Where::long_basic : Where::basic;
                if (c == '\'') where = triple ? Where::long_literal : Where::literal;
                if (triple) i += 2;
                if (c == '[' || c == '{') ++depth;
                if ((c == ']' || c == '}') && depth > 0) --depth;
                if (c == '.') ++dots;
                if (depth > k_max_toml_depth || dots > k_max_toml_depth)
                    return fail(ErrorCode::C01, "{} line {}: nested too deeply: at most {} levels", file,
                                line, k_max_toml_depth);
                break;
        }
    }
    return {};
}

std::string syntax_hint(std::string_view text, size_t line) {
    for (; line > 1; --line) {
        const size_t end = text.find('\n');
        if (end == std::string_view::npos) return "";
        text.remove_prefix(end + 1);
    }
    text = text.substr(0, text.find('\n'));
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) return "";
    text = text.substr(equals + 1);
    text = text.substr(0, text.find('#'));
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    const std::string word = lower_case(text.substr(0, 6));
    if (word == "true" || word == "false") return "; must be true or false, in small letters";
    const bool bare = !text.empty() &&
                      std::string_view("\"'[{=").find(text.front()) == std::string_view::npos &&
                      text.find_first_not_of("0123456789") != std::string_view::npos;
    return bare ? "; text must be in \"quotes\"" : "";
}

}  // namespace berth::guest
