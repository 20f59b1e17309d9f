// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/display.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace berth::supervisor {
namespace {

constexpr unsigned k_longest_side = 16384;

/// Takes a decimal number from the front of `text`.
std::optional<unsigned> take_number(std::string_view& text) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return number;
}

std::optional<unsigned> take_side(std::string_view& text) {
    const auto side = take_number(text);
    if (!side || *side < 1 || *side > k_longest_side) return std::nullopt;
    return side;
}

/// "card0" is a card, "card0-HDMI-A-1" a connector of it; "renderD128" and "version" are neither.
struct Entry {
    unsigned card;
    bool connector;
};
std::optional<Entry> read_entry(std::string_view name) {
    if (!name.starts_with("card")) return std::nullopt;
    name.remove_prefix(4);
    const auto card = take_number(name);
    if (!card || !(name.empty() || name.starts_with('-'))) return std::nullopt;
    return Entry{.card = *card, .connector = !name.empty()};
}

/// By card, then by name; nullopt: the folder cannot be read.
std::optional<std::vector<std::string>> entries(const std::string& drm, bool connectors) {
    std::vector<std::pair<unsigned, std::string>> found;
    std::error_code error;
    std::filesystem::directory_iterator entry(drm, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        auto name = entry->path().filename().string();
        if (const auto read = read_entry(name); read && read->connector == connectors)
            found.emplace_back(read->card, std::move(name));
    }
    if (error && error != std::errc::no_such_file_or_directory) return std::nullopt;
    std::ranges::sort(found);
    std::vector<std::string> names;
    for (auto& [card, name] : found) names.push_back(std::move(name));
    return names;
}

std::string first_line(const std::filesystem::path& file) {
    const auto text = read_file(file, 64 << 10);
    return text ? text->substr(0, text->find('\n')) : "";
}

}  // namespace

std::optional<DisplayMode> parse_display_mode(std::string_view line) {
    const auto width = take_side(line);
    if (!width || !line.starts_with('x')) return std::nullopt;
    line.remove_prefix(1);
    const auto height = take_side(line);
    if (!height || (!line.empty() && line != "i")) return std::nullopt;
    return DisplayMode{.width = *width, .height = *height};
}

std::optional<Display> find_display(const std::string& drm) {
    for (const auto& name : entries(drm, true).value_or(std::vector<std::string>())) {
        const auto folder = std::filesystem::path(drm) / name;
        if (first_line(folder / "status") != "connected") continue;
        if (const auto mode = parse_display_mode(first_line(folder / "modes")))
            return Display{.connector = name, .mode = *mode};
    }
    return std::nullopt;
}

std::optional<std::vector<std::string>> find_cards(const std::string& drm) {
    return entries(drm, false);
}

}  // namespace berth::supervisor
