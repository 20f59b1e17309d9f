// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/output.h"

#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

namespace berth {
namespace {

bool write_out(Stream stream, std::string_view bytes) {
    FILE* file = stream == Stream::out ? stdout : stderr;
    flockfile(file);
    const bool written =
        std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size() && std::fflush(file) == 0;
    funlockfile(file);
    return written;
}

}  // namespace

bool is_terminal(Stream stream) {
    return isatty(stream == Stream::out ? STDOUT_FILENO : STDERR_FILENO) != 0;
}

void print_text(Stream stream, std::string_view text) {
    // The reader may have gone: that is not a failure of what was done.
    (void)write_out(stream, printable(text, std::string_view::npos, Newlines::kept));
}

std::string text_of(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += printable(line) + "\n";
    return text;
}

std::string printable_json(const nlohmann::json& value, int indent) {
    const std::string text = value.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
    // Outside of strings JSON is ASCII, and inside of them dump() has escaped C0.
    std::string out;
    for (std::string_view rest = text; !rest.empty();) {
        const auto [code, bytes] = first_character(rest);
        if (is_printable(code) || code == '\n')
            out += rest.substr(0, bytes);
        else if (code < 0x10000)
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(code));
        else  // RFC 8259 section 7: a surrogate pair.
            out += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + ((code - 0x10000) >> 10),
                               0xdc00 + ((code - 0x10000) & 0x3ff));
        rest.remove_prefix(bytes);
    }
    return out;
}

void say_json(const nlohmann::json& value, int indent) {
    (void)write_out(Stream::out, printable_json(value, indent) + "\n");
}

bool say_file(std::string_view bytes) {
    if (!is_terminal(Stream::out)) return write_out(Stream::out, bytes);
    print_text(Stream::out, bytes);
    return true;
}

void show_progress(std::string_view text) {
    (void)write_out(Stream::error, fmt::format("\r{:<78}", printable(text)));
}

void end_progress() {
    (void)write_out(Stream::error, "\n");
}

}  // namespace berth
