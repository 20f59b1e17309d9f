// SPDX-License-Identifier: GPL-3.0-or-later
// The filter between the real keyboards and their clones, which keeps the secure-attention chord from everybody else.
// Pure: key events in, key events out. Keys are evdev codes (linux/input-event-codes.h), so no keyboard layout matters.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "greeter/site/chord.h"

namespace berth::supervisor {

/// One event of evdev (linux/input.h), without its time.
struct KeyEvent {
    uint16_t type = 0, code = 0;
    int32_t value = 0;
    friend bool operator==(const KeyEvent&, const KeyEvent&) = default;
};

/// Names one keyboard to the filter; never used twice.
using KeyboardId = uint64_t;

/// For all keyboards together: a chord may be spread over several, and a key that is held forever on one of them keeps
/// no chord from another.
///
/// A chord is complete when the last of its keys goes down, in whatever order, whatever else is held. Then all that the
/// clones have passed on as held is released, and no key that is held now passes until it was released and pressed
/// anew. The modifiers of the next chord may still be held from the one before, but its key must be pressed anew.
///
/// What the kernel repeats (value 2) is dropped: a clone repeats by its own EV_REP, where the real one does. Dropped are
/// also scan codes, which would tell of a key that does not pass, and what is set on a keyboard (LEDs, sounds, repeat
/// rate); all else passes.
class ChordFilter {
  public:
    /// What goes to the clones, in this order, and whether a chord was completed.
    struct Out {
        std::vector<std::pair<KeyboardId, KeyEvent>> events;
        bool chord = false;
    };

    explicit ChordFilter(std::vector<Chord> chords) : chords_(std::move(chords)) {}

    /// A keyboard whose keys `down` are held already; the clone does not know of them, so their release does not pass.
    void add(KeyboardId keyboard, std::set<uint16_t> down = {});
    /// It is gone with its clone; the kernel releases what that one held.
    void remove(KeyboardId keyboard);
    /// An event of a keyboard that was added; one of another is dropped.
    Out handle(KeyboardId keyboard, KeyEvent event);

  private:
    struct Keys {
        std::set<uint16_t> down;    ///< On the real keyboard.
        std::set<uint16_t> passed;  ///< Of those: what its clone holds down.
    };
    bool completes_chord(uint16_t pressed) const;
    bool completes(const Chord& chord, uint16_t pressed) const;

    std::vector<Chord> chords_;
    std::map<KeyboardId, Keys> keyboards_;
};

}  // namespace berth::supervisor
