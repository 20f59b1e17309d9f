// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/levels/backlight.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <vector>

#include "base/fd.h"
#include "greeter/levels/level.h"

namespace berth::levels {
namespace {

constexpr int k_step = 10, k_darkest = 5;

/// The first line of a file of sysfs; empty: it cannot be read.
std::string line_of(const std::string& path) {
    const auto text = read_file(path, 4096);
    return text ? text->substr(0, text->find('\n')) : std::string();
}

std::optional<long> number_of(const std::string& path) {
    const std::string line = line_of(path);
    long value = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (error != std::errc() || end != line.data() + line.size() || value < 0) return std::nullopt;
    return value;
}

}  // namespace

std::optional<Panel> Panel::find(const std::string& folder) {
    std::vector<Backlight> lights;
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
        lights.push_back({.name = entry->path().filename(), .type = line_of(entry->path() / "type")});
    const auto chosen = choose_backlight(lights);
    if (!chosen) return std::nullopt;
    const std::string path = folder + "/" + lights[*chosen].name;
    const auto most = number_of(path + "/max_brightness"), value = number_of(path + "/brightness");
    if (!most || !value || *most < 2) return std::nullopt;
    return Panel(path, *value, *most);
}

int Panel::percent() const {
    return percent_of(value_, {.least = 0, .most = most_});
}

Status Panel::step(bool up) {
    const long wanted = std::max(1L, stepped(value_, {.least = 0, .most = most_}, k_step, up, k_darkest));
    const std::string text = std::to_string(wanted) + "\n";
    const UniqueFd fd(open((folder_ + "/brightness").c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd || write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return fail_errno("write " + folder_ + "/brightness");
    value_ = wanted;
    return {};
}

}  // namespace berth::levels
