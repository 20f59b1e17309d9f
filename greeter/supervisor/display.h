// SPDX-License-Identifier: GPL-3.0-or-later
// Whether this workstation has a display, by what the kernel's DRM says in sysfs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::supervisor {

/// In pixels.
struct DisplayMode {
    unsigned width = 0, height = 0;
    friend bool operator==(const DisplayMode&, const DisplayMode&) = default;
};

struct Display {
    std::string connector;  ///< "card0-HDMI-A-1".
    DisplayMode mode;       ///< The monitor's preferred one.
    friend bool operator==(const Display&, const Display&) = default;
};

/// One line of a connector's `modes`: "1280x800", "1920x1080i" (interlaced). nullopt: it is neither, or a side is not 1
/// to 16384.
std::optional<DisplayMode> parse_display_mode(std::string_view line);

/// The first connector (by card, then by name) with a monitor and a mode, as it is now: a monitor may be plugged in or
/// out at any time. nullopt: there is none, or the kernel has no DRM.
std::optional<Display> find_display(const std::string& drm = "/sys/class/drm");

/// The graphics cards ("card0"), sorted. A card whose driver went and came again has another name while a program still
/// holds it open. nullopt: they cannot be listed now.
std::optional<std::vector<std::string>> find_cards(const std::string& drm = "/sys/class/drm");

}  // namespace berth::supervisor
