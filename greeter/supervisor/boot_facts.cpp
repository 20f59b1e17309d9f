// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/boot_facts.h"

#include <algorithm>
#include <charconv>

#include "base/record/boot_record.h"
#include "base/record/command_line.h"
#include "base/text.h"

namespace berth::supervisor {
namespace {

constexpr size_t k_longest = 200;
constexpr int k_virtual_terminals = 64;  ///< Their numbers are smaller (MAX_NR_CONSOLES).

bool is_digits(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// "Firmware is missing ...: a, b and 3 more." Two names are enough to tell which device it is.
std::string firmware_notice(const std::vector<std::string>& files) {
    constexpr size_t k_named = 2;
    std::string names;
    size_t count = 0;
    for (const auto& file : files) {
        if (file.empty() || ++count > k_named) continue;
        names += (names.empty() ? "" : ", ") + file.substr(0, 80);
    }
    if (count == 0) return {};
    if (count > k_named) names += " and " + std::to_string(count - k_named) + " more";
    return "Firmware for some of this hardware is missing: " + names + ".";
}

}  // namespace

BootFacts parse_boot_facts(std::string_view text) {
    BootFacts facts;
    const auto found = parse_boot_record(text);
    if (!found) return facts;
    facts.host = found->host.substr(0, k_longest);
    if (found->network == false)
        facts.notices.emplace_back("No network: logging in will not work. Check the cable.");
    if (found->kvm && !found->kvm->usable) {
        const std::string why = found->kvm->why.substr(0, k_longest);
        facts.notices.push_back("This workstation cannot run virtual machines" +
                                (why.empty() ? "." : ": " + why + "."));
    }
    if (found->clock == ClockState::unsynchronised)
        facts.notices.emplace_back("The clock may be wrong: no time server answered.");
    else if (found->clock == ClockState::waiting)
        facts.notices.emplace_back("The clock is being set.");
    if (found->persistent == false) facts.notices.emplace_back("No data disk: swap space is kept in memory.");
    if (auto notice = firmware_notice(found->missing_firmware); !notice.empty())
        facts.notices.push_back(std::move(notice));
    return facts;
}

std::string console_path(std::string_view line) {
    std::string path = "/dev/tty1";
    for (const auto& [name, value] : command_line_values(line)) {
        // "ttyS0,115200" as console= has it.
        const std::string_view terminal = std::string_view(value).substr(0, value.find(','));
        if (name == "berth.console" && is_console(terminal)) path = "/dev/" + std::string(terminal);
    }
    return path;
}

bool is_virtual_terminal(std::string_view tty) {
    return tty.starts_with("/dev/tty") && is_digits(tty.substr(8));
}

int virtual_terminal_number(std::string_view tty) {
    if (!is_virtual_terminal(tty)) return 0;
    int number = 0;
    const std::string_view digits = tty.substr(8);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return read.ec == std::errc() && number < k_virtual_terminals ? number : 0;
}

std::string term_for(std::string_view tty) {
    return is_virtual_terminal(tty) ? "linux" : "vt220";
}

}  // namespace berth::supervisor
