// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/levels/level.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace berth::levels {

int percent_of(long value, Range range) {
    if (range.most <= range.least) return 0;
    const double part =
        static_cast<double>(value - range.least) / static_cast<double>(range.most - range.least);
    return static_cast<int>(std::lround(100 * std::clamp(part, 0.0, 1.0)));
}

long value_of(int percent, Range range) {
    if (range.most <= range.least) return range.least;
    const double part = std::clamp(percent, 0, 100) / 100.0;
    return range.least + std::lround(part * static_cast<double>(range.most - range.least));
}

long stepped(long value, Range range, int step, bool up, int least_percent) {
    const int percent = percent_of(value, range);
    const int next = up ? (percent / step + 1) * step : ((percent + step - 1) / step - 1) * step;
    long wanted = value_of(std::max(next, least_percent), range);
    // A device of few numbers may have none so near.
    if (up)
        wanted = std::max(wanted, value + 1);
    else
        wanted = std::min(wanted, value - 1);
    return std::clamp(wanted, std::max(range.least, value_of(least_percent, range)), range.most);
}

std::optional<size_t> choose_element(const std::vector<Element>& elements) {
    std::optional<size_t> first;
    for (size_t i = 0; i < elements.size(); ++i) {
        if (!elements[i].plays) continue;
        if (elements[i].name == "Master") return i;
        if (!first) first = i;
    }
    return first;
}

std::optional<Setting> awakened(const Element& element, Setting now, Range range, bool chosen) {
    constexpr auto k_to_the_ear =
        std::to_array<std::string_view>({"Master", "PCM", "Front", "Speaker", "Bass Speaker", "Headphone",
                                         "Line Out", "Surround", "Center", "LFE", "Side"});
    constexpr int k_loud_enough = 70;
    if (!element.plays || !(chosen || std::ranges::contains(k_to_the_ear, element.name))) return std::nullopt;
    const bool silent = range.most > range.least && now.value <= range.least;
    if (now.on && !silent) return std::nullopt;
    return Setting{.value = silent ? value_of(chosen ? k_loud_enough : 100, range) : now.value, .on = true};
}

std::optional<size_t> choose_backlight(const std::vector<Backlight>& lights) {
    constexpr auto k_order = std::to_array<std::string_view>({"firmware", "platform", "raw"});
    const auto rank = [&](const Backlight& light) {
        return std::ranges::find(k_order, light.type) - k_order.begin();
    };
    if (lights.empty()) return std::nullopt;
    const auto best = std::ranges::min_element(lights, [&](const Backlight& a, const Backlight& b) {
        return std::pair(rank(a), a.name) < std::pair(rank(b), b.name);
    });
    return static_cast<size_t>(best - lights.begin());
}

}  // namespace berth::levels
