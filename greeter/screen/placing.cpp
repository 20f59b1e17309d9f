// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/screen/placing.h"

#include <algorithm>
#include <cmath>

namespace berth::screen {

Placing place(Size guest, Size window) {
    const double scale = std::min(static_cast<double>(window.width) / guest.width,
                                  static_cast<double>(window.height) / guest.height);
    const int width = static_cast<int>(std::floor(guest.width * scale + 0.5));
    const int height = static_cast<int>(std::floor(guest.height * scale + 0.5));
    return {scale, {(window.width - width) / 2, (window.height - height) / 2, width, height}};
}

Rect changed_by(const Rect& part, const Placing& placing) {
    const bool mixed = placing.scale != 1;
    // Of a smaller picture each pixel has some from two of its own widths around, of a larger one from one of the guest's.
    const int more = mixed ? static_cast<int>(std::ceil(std::max(2.0, placing.scale))) : 0;
    // The part is a SPICE server's word, which may name any number.
    const auto inside = [](double at, int end) {
        return static_cast<int>(std::clamp(at, 0.0, static_cast<double>(end)));
    };
    const auto from = [&](double at, int end) { return inside(std::floor(at * placing.scale) - more, end); };
    const auto to = [&](double at, int end) { return inside(std::ceil(at * placing.scale) + more, end); };
    const int left = from(part.x, placing.at.width), top = from(part.y, placing.at.height);
    const int right = to(static_cast<double>(part.x) + part.width, placing.at.width);
    const int bottom = to(static_cast<double>(part.y) + part.height, placing.at.height);
    return {placing.at.x + left, placing.at.y + top, std::max(right - left, 0), std::max(bottom - top, 0)};
}

}  // namespace berth::screen
