// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/site/chord.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/plain_text.h"
#include "base/text.h"

namespace berth {
namespace {

constexpr size_t k_most_chords = 8;

template <typename T>
struct Name {
    T what;
    std::string_view name;
};
constexpr auto k_modifiers = std::to_array<Name<Modifier>>(
    {{Modifier::ctrl, "Ctrl"}, {Modifier::alt, "Alt"}, {Modifier::shift, "Shift"}, {Modifier::meta, "Meta"}});
constexpr auto k_keys = std::to_array<Name<ChordKey>>({{ChordKey::del, "Del"},
                                                       {ChordKey::esc, "Esc"},
                                                       {ChordKey::end, "End"},
                                                       {ChordKey::f1, "F1"},
                                                       {ChordKey::f2, "F2"},
                                                       {ChordKey::f3, "F3"},
                                                       {ChordKey::f4, "F4"},
                                                       {ChordKey::f5, "F5"},
                                                       {ChordKey::f6, "F6"},
                                                       {ChordKey::f7, "F7"},
                                                       {ChordKey::f8, "F8"},
                                                       {ChordKey::f9, "F9"},
                                                       {ChordKey::f10, "F10"},
                                                       {ChordKey::f11, "F11"},
                                                       {ChordKey::f12, "F12"}});

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
    Chord chord{.modifiers = {}, .key = key->what};
    for (const auto word : words) {
        const auto* modifier = find_name(k_modifiers, word);
        if (modifier == nullptr) return std::nullopt;
        chord.modifiers.insert(modifier->what);
    }
    if (chord.modifiers.size() < 2) return std::nullopt;
    return chord;
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
        if (chord.modifiers.contains(row.what)) text += std::string(row.name) + "+";
    return text + std::string(std::ranges::find(k_keys, chord.key, &Name<ChordKey>::what)->name);
}

}  // namespace berth
