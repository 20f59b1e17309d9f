// SPDX-License-Identifier: GPL-3.0-or-later
// A volume or a brightness: what a device has between two numbers of its own, and a person in percent. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace berth::levels {

struct Range {
    long least = 0, most = 0;
};

/// Rounded; 0 where the range has one number only.
int percent_of(long value, Range range);
/// Rounded; percent outside of 0 to 100 is the nearest of these.
long value_of(int percent, Range range);
/// One step of `step` percent up or down, and one of the device's own at least, from the next multiple of `step`. It ends
/// at `least_percent` and at 100.
long stepped(long value, Range range, int step, bool up, int least_percent = 0);

/// An element of a mixer.
struct Element {
    std::string name;
    bool plays = false;  ///< It has a volume of what is played.
};
/// "Master", else the first that has a volume; none: the index is nothing.
std::optional<size_t> choose_element(const std::vector<Element>& elements);

/// How an element is, and shall be.
struct Setting {
    long value = 0;
    bool on = true;
    friend bool operator==(const Setting&, const Setting&) = default;
};
/// What an element that is off or at its least when its card comes is set to, as drivers of Intel HDA leave what is
/// between a program and the ear (alsactl(1) would put back what a workstation without memory of its own has not):
/// `chosen` (choose_element()) on and, if it is at its least, at 70 percent, the others on and at their most. nullopt: it stays as it is, for it
/// plays already, or leads elsewhere (what a microphone hears, a PC's beeper).
std::optional<Setting> awakened(const Element& element, Setting now, Range range, bool chosen);

/// One of /sys/class/backlight.
struct Backlight {
    std::string name, type;
};
/// The one that the kernel's documentation (ABI/stable/sysfs-class-backlight) prefers: firmware, then platform, then raw.
std::optional<size_t> choose_backlight(const std::vector<Backlight>& lights);

}  // namespace berth::levels
