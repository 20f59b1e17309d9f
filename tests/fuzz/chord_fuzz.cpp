// SPDX-License-Identifier: GPL-3.0-or-later
// Chords as the configuration has them, and any events of three keyboards: what the clones pass on never has a whole
// chord held down. The first line is the text; behind it are events of three bytes each.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>

#include "greeter/supervisor/chord_filter.h"

namespace {

using namespace berth;
using namespace berth::supervisor;

constexpr uint16_t k_key = 1;  // EV_KEY
constexpr KeyboardId k_keyboards = 3;

/// Whether `held`, pressed once more on one keyboard that knows of nothing else, is a chord.
bool is_chord(const std::vector<Chord>& chords, const std::set<uint16_t>& held) {
    ChordFilter filter(chords);
    filter.add(1);
    for (const uint16_t code : held)
        if (filter.handle(1, {.type = k_key, .code = code, .value = 1}).chord) return true;
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    auto chords = parse_chords(bytes.substr(0, end));
    if (chords)
        for (const auto& chord : *chords) {
            const auto again = parse_chord(format_chord(chord));
            if (!again || !(*again == chord)) std::abort();
        }
    else
        chords = default_chords();

    ChordFilter filter(*chords);
    for (KeyboardId id = 0; id < k_keyboards; ++id) filter.add(id);
    std::map<KeyboardId, std::set<uint16_t>> held;
    for (size_t at = end + 1; at + 3 <= std::min<size_t>(size, 1024); at += 3) {
        const auto out = filter.handle(
            data[at] % k_keyboards,
            {.type = static_cast<uint16_t>(data[at] / 128), .code = data[at + 1], .value = data[at + 2] % 3});
        std::set<uint16_t> all;
        for (const auto& [id, event] : out.events) {
            if (event.type != k_key) continue;
            if (event.value == 1)
                held[id].insert(event.code);
            else if (event.value != 0 || held[id].erase(event.code) == 0)
                std::abort();
        }
        for (const auto& [id, codes] : held) all.insert(codes.begin(), codes.end());
        if (out.chord ? !all.empty() : is_chord(*chords, all)) std::abort();
    }
    return 0;
}
