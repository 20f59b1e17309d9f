// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/chord.h"

#include <linux/input-event-codes.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/plain_text.h"
#include "base/text.h"

namespace berth::supervisor {
namespace {

constexpr size_t k_most_chords = 8;

struct ModifierName {
    Modifier modifier;
    std::string_view name;
    uint16_t left, right;
};
constexpr auto k_modifiers = std::to_array<ModifierName>({
    {Modifier::ctrl, "Ctrl", KEY_LEFTCTRL, KEY_RIGHTCTRL},
    {Modifier::alt, "Alt", KEY_LEFTALT, KEY_RIGHTALT},
    {Modifier::shift, "Shift", KEY_LEFTSHIFT, KEY_RIGHTSHIFT},
    {Modifier::meta, "Meta", KEY_LEFTMETA, KEY_RIGHTMETA},
});

struct KeyName {
    ChordKey key;
    std::string_view name;
    uint16_t code, other;  ///< The same where there is only one.
};
constexpr auto k_keys = std::to_array<KeyName>({
    {ChordKey::del, "Del", KEY_DELETE, KEY_KPDOT},
    {ChordKey::esc, "Esc", KEY_ESC, KEY_ESC},
    {ChordKey::end, "End", KEY_END, KEY_END},
    {ChordKey::f1, "F1", KEY_F1, KEY_F1},
    {ChordKey::f2, "F2", KEY_F2, KEY_F2},
    {ChordKey::f3, "F3", KEY_F3, KEY_F3},
    {ChordKey::f4, "F4", KEY_F4, KEY_F4},
    {ChordKey::f5, "F5", KEY_F5, KEY_F5},
    {ChordKey::f6, "F6", KEY_F6, KEY_F6},
    {ChordKey::f7, "F7", KEY_F7, KEY_F7},
    {ChordKey::f8, "F8", KEY_F8, KEY_F8},
    {ChordKey::f9, "F9", KEY_F9, KEY_F9},
    {ChordKey::f10, "F10", KEY_F10, KEY_F10},
    {ChordKey::f11, "F11", KEY_F11, KEY_F11},
    {ChordKey::f12, "F12", KEY_F12, KEY_F12},
});

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == text.npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const auto end = text.find(separator);
        parts.push_back(trimmed(text.substr(0, end)));
        if (end == text.npos) return parts;
        text.remove_prefix(end + 1);
    }
}

/// The row of that name, in upper or lower case; nullptr: there is none.
template <typename Table>
const typename Table::value_type* find_name(const Table& table, std::string_view name) {
    const auto found = std::ranges::find_if(
        table, [&](const auto& row) { return lower_case(row.name) == lower_case(name); });
    return found == table.end() ? nullptr : &*found;
}

std::optional<Chord> read_chord(std::string_view text) {
    auto words = split(text, '+');
    const auto* key = find_name(k_keys, words.back());
    if (key == nullptr) return std::nullopt;
    words.pop_back();
    Chord chord{.modifiers = {}, .key = key->key};
    for (const auto word : words) {
        const auto* modifier = find_name(k_modifiers, word);
        if (modifier == nullptr) return std::nullopt;
        chord.modifiers.insert(modifier->modifier);
    }
    if (chord.modifiers.size() < 2) return std::nullopt;
    return chord;
}

bool is_key(ChordKey key, uint16_t code) {
    const auto& row = *std::ranges::find(k_keys, key, &KeyName::key);
    return code == row.code || code == row.other;
}

const ModifierName& row_of(Modifier modifier) {
    return *std::ranges::find(k_modifiers, modifier, &ModifierName::modifier);
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

std::vector<Chord> default_chords() {
    return {{.modifiers = {Modifier::ctrl, Modifier::alt}, .key = ChordKey::del},
            {.modifiers = {Modifier::ctrl, Modifier::alt}, .key = ChordKey::esc}};
}

Result<Chord> parse_chord(std::string_view text) {
    if (auto chord = read_chord(text)) return *std::move(chord);
    return fail(
        ErrorCode::I04,
        "chord {}: must be two or more of Ctrl, Alt, Shift and Meta and then one of Del, Esc, End and "
        "F1 to F12, with + between them",
        in_quotes(text));
}

Result<std::vector<Chord>> parse_chords(std::string_view text) {
    const auto parts = split(text, ',');
    if (parts.size() > k_most_chords)
        return fail(ErrorCode::I04, "{} chords: must be 1 to {}", parts.size(), k_most_chords);
    std::vector<Chord> chords;
    for (const auto part : parts) chords.push_back(BERTH_TRY(parse_chord(part)));
    return chords;
}

std::string format_chord(const Chord& chord) {
    std::string text;
    for (const auto& row : k_modifiers)
        if (chord.modifiers.contains(row.modifier)) text += std::string(row.name) + "+";
    return text + std::string(std::ranges::find(k_keys, chord.key, &KeyName::key)->name);
}

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
