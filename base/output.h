// SPDX-License-Identifier: GPL-3.0-or-later
// What our programs print. Nothing else writes to standard output or standard error (the test of
// tests/integration/checkout/test_one_way_out.py holds the sources to it), so no text of a user, a guest, a
// machine or a file server reaches a terminal unless printable() of base/plain_text.h has made it harmless.
// Each call is one write and is flushed. Any thread.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json_fwd.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/plain_text.h"

namespace berth {

enum class Stream { out, error };

/// Whether a person may be looking: isatty(3).
bool is_terminal(Stream stream);

/// Text of several lines: what is not printable, but for the ends of lines, becomes \xNN.
void print_text(Stream stream, std::string_view text);

/// One argument of the two below: a text is made printable, ends of lines too, so that a name cannot make a
/// line.
template <typename T>
decltype(auto) printable_argument(const T& value) {
    if constexpr (std::is_convertible_v<const T&, std::string_view>)
        return printable(std::string_view(value));
    else
        return (value);
}
template <typename... Args>
std::string printable_format(fmt::string_view format, const Args&... args) {
    return fmt::format(fmt::runtime(format), printable_argument(args)...);
}

/// say("{}: made\n", name): fmt::print to standard output with harmless arguments.
template <typename... Args>
void say(fmt::format_string<const Args&...> format, const Args&... args) {
    print_text(Stream::out, printable_format(fmt::string_view(format), args...));
}
/// The same to standard error.
template <typename... Args>
void complain(fmt::format_string<const Args&...> format, const Args&... args) {
    print_text(Stream::error, printable_format(fmt::string_view(format), args...));
}

/// Each on a line of its own, whatever it holds.
std::string text_of(const std::vector<std::string>& lines);

/// What say_json() prints: indented by `indent` (-1: one line). The text is JSON (RFC 8259) and means the
/// same value; in its strings what is not printable is escaped (\u009b), and bytes that are not UTF-8 are
/// U+FFFD.
std::string printable_json(const nlohmann::json& value, int indent = 2);
void say_json(const nlohmann::json& value, int indent = 2);

/// A file for another program: byte by byte, unless standard output is a terminal, which gets it as
/// print_text has it. False: it could not be written, errno says why.
[[nodiscard]] bool say_file(std::string_view bytes);

/// A line on standard error that the next one replaces.
void show_progress(std::string_view text);
/// Ends it.
void end_progress();

/// CLI11's help or fault, which quotes the command line; the exit code.
template <typename App, typename ParseError>
int print_usage(App& app, const ParseError& e) {
    std::ostringstream out, error;
    const int code = app.exit(e, out, error);
    print_text(Stream::out, out.view());
    print_text(Stream::error, error.view());
    return code;
}

}  // namespace berth
