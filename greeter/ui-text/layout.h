// SPDX-License-Identifier: GPL-3.0-or-later
// How the screen looks: a pure function of what is known and the terminal's size. Works from 1x1 up; meant
// for 80x24 and more.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "greeter/ui/model.h"

namespace berth::ui {

enum class Style { normal, dim, bold, error, selected };

struct Size {
    int rows = 24, columns = 80;
};

/// Text at a place; lies wholly inside the screen.
struct Piece {
    int row, column;
    std::wstring text;
    Style style;
};

struct Picture {
    std::vector<Piece> pieces;
    struct Place {
        int row, column;
    };
    std::optional<Place> cursor;
    int hidden = 0, hidden_notices = 0;  ///< Lines of messages and of notices that do not fit.
    int shown_notices = 0;               ///< Lines of notices that do.
};

Picture layout(const Model& model, Size size);

/// Limits Model::scroll to what there is, so that scrolling too far costs no extra keys.
void clamp_scroll(Model& model, Size size);

}  // namespace berth::ui
