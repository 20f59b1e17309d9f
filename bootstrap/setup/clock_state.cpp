// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/setup/clock_state.h"

#include <fmt/format.h>

#include "base/text.h"

namespace berth::boot {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

}  // namespace

ClockState clock_state(std::string_view tracking, Duration since_start) {
    while (tracking.ends_with('\n')) tracking.remove_suffix(1);
    const auto fields = split(tracking, ',');
    // "Not synchronised" is what chrony calls it; stratum 0 says the same.
    if (fields.size() >= 14 && fields[2] != "0" &&
        (fields.back() == "Normal" || fields.back().find("second") != std::string_view::npos))
        return ClockState::synchronised;
    return since_start < k_clock_patience ? ClockState::waiting : ClockState::unsynchronised;
}

std::vector<std::string> ntp_of_lease(std::string_view lease) {
    std::vector<std::string> servers;
    for (std::string_view line : split(lease, '\n')) {
        if (!line.starts_with("NTP=")) continue;
        line.remove_prefix(4);
        for (const auto part : split(line, ' '))
            if (!part.empty() && is_host_or_address(part) && servers.size() < 8) servers.emplace_back(part);
    }
    return servers;
}

std::string chrony_sources(const std::vector<std::string>& record, const std::vector<std::string>& lease) {
    std::string text;
    for (const auto& server : record.empty() ? lease : record)
        text += fmt::format("server {} iburst\n", server);
    return text;
}

}  // namespace berth::boot
