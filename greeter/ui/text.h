// SPDX-License-Identifier: GPL-3.0-or-later
// Text from PAM, file servers and guests, made fit for a screen. Widths are wcwidth(3)'s, so LC_CTYPE must be
// a UTF-8 locale.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace berth::ui {

/// UTF-8 made printable (base/plain_text.h), as wide characters; those of which the C library knows no width
/// become U+FFFD. A tab becomes a space, and so does a newline unless `keep_newlines`.
std::wstring clean(std::string_view utf8, bool keep_newlines = false);

/// Columns on the screen.
int width(std::wstring_view text);
int width(wchar_t c);

/// At most `columns` wide; what is cut off ends in "…".
std::wstring cut(std::wstring_view text, int columns);
/// The end of `text`, at most `columns` wide.
std::wstring tail(std::wstring_view text, int columns);

/// Lines of at most `columns`, broken at spaces where there are any. Newlines break.
std::vector<std::wstring> wrap(std::wstring_view text, int columns);

}  // namespace berth::ui
