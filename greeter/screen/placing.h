// SPDX-License-Identifier: GPL-3.0-or-later
// Where a guest's picture is in the window, as SpiceDisplay has it, which says where the pointer is: as large as its shape
// allows, in the middle.
#pragma once

namespace berth::screen {

struct Size {
    int width = 0, height = 0;
    bool operator==(const Size&) const = default;
};

struct Rect {
    int x = 0, y = 0, width = 0, height = 0;
    bool operator==(const Rect&) const = default;
};

struct Placing {
    double scale = 1;
    Rect at;
    bool operator==(const Placing&) const = default;
};

/// Both sizes are at least 1 x 1.
Placing place(Size guest, Size window);

/// What of the window changes with a part of the guest's picture: scaled pixels are mixed with their neighbours.
Rect changed_by(const Rect& part, const Placing& placing);

}  // namespace berth::screen
