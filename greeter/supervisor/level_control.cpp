// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/level_control.h"

#include <fcntl.h>
#include <unistd.h>

namespace berth::supervisor {
namespace {

using protocol::MenuAction;

/// berth-levels' word; nullptr: it is to change nothing.
const char* word_of(MenuAction action) {
    switch (action) {
        case MenuAction::louder:
            return "louder";
        case MenuAction::quieter:
            return "quieter";
        case MenuAction::mute:
            return "mute";
        case MenuAction::brighter:
            return "brighter";
        case MenuAction::darker:
            return "darker";
        default:
            return nullptr;
    }
}

}  // namespace

event::Levels parse_levels(std::string_view text) {
    event::Levels levels;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const auto space = line.find(' ');
        if (space == line.npos) continue;
        const std::string value(line.substr(space + 1));
        if (line.starts_with("volume ")) levels.volume = value;
        if (line.starts_with("brightness ")) levels.brightness = value;
    }
    return levels;
}

void LevelControl::ask(const effect::AskLevels& what) {
    if (waiting_.size() >= k_most_waiting) return;
    waiting_.push_back(what);
    run_next();
}

void LevelControl::run_next() {
    while (!child_.running() && !waiting_.empty()) {
        const auto what = waiting_.front();
        waiting_.pop_front();
        int ends[2];
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;
        said_.reset(ends[0]);
        const UniqueFd its(ends[1]);
        SpawnOptions options;
        options.arguments = {program_};
        if (const char* word = what.change ? word_of(*what.change) : nullptr)
            options.arguments.emplace_back(word);
        options.descriptors = {{1, its.get()}};
        options.environment = {{"LANG", "C.UTF-8"}};
        options.die_with_parent = true;
        if (auto child = spawn(options))
            child_ = std::move(*child);
        else
            report_.error("no volume and no brightness", child.error());
    }
}

void LevelControl::ended() {
    child_.wait();
    char text[512];
    const ssize_t size = read(said_.get(), text, sizeof text);
    said_.reset();
    handle_(parse_levels({text, static_cast<size_t>(std::max<ssize_t>(size, 0))}));
    run_next();
}

void LevelControl::wait_for(Turn& turn) {
    turn.watch(child_, [this] { ended(); });
}

}  // namespace berth::supervisor
