// SPDX-License-Identifier: GPL-3.0-or-later
// A picture of the screen program as text.
#pragma once

#include "greeter/ui-text/layout.h"
#include "greeter/ui/text.h"

namespace berth::ui {

/// Plain lines without trailing spaces.
inline std::vector<std::wstring> as_lines(const Picture& picture, Size size) {
    // One string a cell; a cell covered by a wide character's right half is empty.
    std::vector<std::vector<std::wstring>> cells(
        static_cast<size_t>(size.rows), std::vector<std::wstring>(static_cast<size_t>(size.columns), L" "));
    for (const auto& piece : picture.pieces) {
        auto& row = cells.at(static_cast<size_t>(piece.row));
        auto column = static_cast<size_t>(piece.column);
        for (wchar_t c : piece.text) {
            const int w = width(c);
            if (w == 0) {
                if (column > 0) row.at(column - 1) += c;
                continue;
            }
            row.at(column++) = c;
            if (w == 2) row.at(column++).clear();
        }
    }
    std::vector<std::wstring> lines;
    for (const auto& row : cells) {
        std::wstring line;
        for (const auto& cell : row) line += cell;
        line.erase(line.find_last_not_of(L' ') + 1);
        lines.push_back(std::move(line));
    }
    return lines;
}

}  // namespace berth::ui
