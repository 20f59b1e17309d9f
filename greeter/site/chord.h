// SPDX-License-Identifier: GPL-3.0-or-later
// The secure-attention chord as a site's configuration and a screen have it: names of keys. Which keys of a keyboard they
// are: greeter/supervisor/chord_filter.h.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berth {

enum class Modifier { ctrl, alt, shift, meta };
enum class ChordKey { del, esc, end, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12 };

/// Two or more modifiers, each with its left or its right key, and one key. Del is the keypad's too: without Num Lock
/// a guest takes that for Del, and which of the two Num Lock says is not known here.
struct Chord {
    std::set<Modifier> modifiers;
    ChordKey key = ChordKey::del;
    friend bool operator==(const Chord&, const Chord&) = default;
};

/// Ctrl+Alt+Del and Ctrl+Alt+Esc.
std::vector<Chord> default_chords();
/// "Ctrl+Alt+Del", in upper or lower case. I04: names the value and what is allowed.
Result<Chord> parse_chord(std::string_view text);
/// 1 to 8 of them with commas between: "Ctrl+Alt+Del, Ctrl+Alt+Esc".
Result<std::vector<Chord>> parse_chords(std::string_view text);
/// As parse_chord reads it and a screen shows it.
std::string format_chord(const Chord& chord);

}  // namespace berth
