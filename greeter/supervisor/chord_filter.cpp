// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/chord_filter.h"

#include <linux/input-event-codes.h>

#include <algorithm>
#include <array>

namespace berth::supervisor {
namespace {

struct ModifierKeys {
    Modifier modifier;
    uint16_t left, right;
};
constexpr auto k_modifiers = std::to_array<ModifierKeys>({
    {Modifier::ctrl, KEY_LEFTCTRL, KEY_RIGHTCTRL},
    {Modifier::alt, KEY_LEFTALT, KEY_RIGHTALT},
    {Modifier::shift, KEY_LEFTSHIFT, KEY_RIGHTSHIFT},
    {Modifier::meta, KEY_LEFTMETA, KEY_RIGHTMETA},
});

struct KeyboardCodes {
    ChordKey key;
    uint16_t code, other;  ///< The same where there is only one.
};
constexpr auto k_keys = std::to_array<KeyboardCodes>({
    {ChordKey::del, KEY_DELETE, KEY_KPDOT},
    {ChordKey::esc, KEY_ESC, KEY_ESC},
    {ChordKey::end, KEY_END, KEY_END},
    {ChordKey::f1, KEY_F1, KEY_F1},
    {ChordKey::f2, KEY_F2, KEY_F2},
    {ChordKey::f3, KEY_F3, KEY_F3},
    {ChordKey::f4, KEY_F4, KEY_F4},
    {ChordKey::f5, KEY_F5, KEY_F5},
    {ChordKey::f6, KEY_F6, KEY_F6},
    {ChordKey::f7, KEY_F7, KEY_F7},
    {ChordKey::f8, KEY_F8, KEY_F8},
    {ChordKey::f9, KEY_F9, KEY_F9},
    {ChordKey::f10, KEY_F10, KEY_F10},
    {ChordKey::f11, KEY_F11, KEY_F11},
    {ChordKey::f12, KEY_F12, KEY_F12},
});

bool is_key(ChordKey key, uint16_t code) {
    const auto& row = *std::ranges::find(k_keys, key, &KeyboardCodes::key);
    return code == row.code || code == row.other;
}

const ModifierKeys& row_of(Modifier modifier) {
    return *std::ranges::find(k_modifiers, modifier, &ModifierKeys::modifier);
}

bool passes(const KeyEvent& event) {
    switch (event.type) {
        case EV_SYN:
            return event.code == SYN_REPORT || event.code == SYN_MT_REPORT;
        case EV_MSC:
            return event.code != MSC_SCAN && event.code != MSC_RAW;
        case EV_REL:
        case EV_ABS:
        case EV_SW:
            return true;
        default:
            return false;
    }
}

}  // namespace

void ChordFilter::add(KeyboardId keyboard, std::set<uint16_t> down) {
    keyboards_[keyboard] = {.down = std::move(down), .passed = {}};
}

void ChordFilter::remove(KeyboardId keyboard) {
    keyboards_.erase(keyboard);
}

bool ChordFilter::completes(const Chord& chord, uint16_t pressed) const {
    const auto any = [this](auto&& has) {
        return std::ranges::any_of(keyboards_, [&](const auto& entry) { return has(entry.second); });
    };
    bool is_modifier = false;
    for (const auto modifier : chord.modifiers) {
        const auto& row = row_of(modifier);
        if (!any([&](const Keys& keys) {
                return keys.down.contains(row.left) || keys.down.contains(row.right);
            }))
            return false;
        is_modifier = is_modifier || pressed == row.left || pressed == row.right;
    }
    if (is_key(chord.key, pressed)) return true;
    // The key came first: whoever has it held down would take it for the chord now. One that was in a chord already is
    // not held there, so a key that is stuck ends one chord and no more.
    return is_modifier && any([&](const Keys& keys) {
               return std::ranges::any_of(keys.passed,
                                          [&](uint16_t code) { return is_key(chord.key, code); });
           });
}

bool ChordFilter::completes_chord(uint16_t pressed) const {
    return std::ranges::any_of(chords_, [&](const Chord& chord) { return completes(chord, pressed); });
}

ChordFilter::Out ChordFilter::handle(KeyboardId keyboard, KeyEvent event) {
    const auto found = keyboards_.find(keyboard);
    if (found == keyboards_.end()) return {};
    auto& keys = found->second;
    Out out;
    if (event.type != EV_KEY) {
        if (passes(event)) out.events.emplace_back(keyboard, event);
    } else if (event.value == 0) {
        keys.down.erase(event.code);
        if (keys.passed.erase(event.code) > 0) out.events.emplace_back(keyboard, event);
    } else if (event.value != 2) {
        keys.down.insert(event.code);
        if (!completes_chord(event.code)) {
            keys.passed.insert(event.code);
            out.events.emplace_back(keyboard, KeyEvent{.type = EV_KEY, .code = event.code, .value = 1});
            return out;
        }
        out.chord = true;
        for (auto& [id, held] : keyboards_) {
            if (held.passed.empty()) continue;
            for (const uint16_t code : held.passed)
                out.events.emplace_back(id, KeyEvent{.type = EV_KEY, .code = code, .value = 0});
            out.events.emplace_back(id, KeyEvent{.type = EV_SYN, .code = SYN_REPORT, .value = 0});
            held.passed.clear();
        }
    }
    return out;
}

}  // namespace berth::supervisor
