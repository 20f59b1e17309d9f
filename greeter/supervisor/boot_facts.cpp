// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/boot_facts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace berth::supervisor {
namespace {

using nlohmann::json;

bool all_of(std::string_view text, bool (*is)(char)) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is);
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_name_character(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string text_at(const json& object, const char* name) {
    const auto value = object.find(name);
    return value != object.end() && value->is_string() ? value->get<std::string>().substr(0, 200)
                                                       : std::string();
}

/// "Firmware is missing ...: a, b and 3 more." Two names are enough to tell which device it is.
std::string firmware_notice(const json& files) {
    constexpr size_t k_named = 2;
    std::string names;
    size_t count = 0;
    for (const auto& file : files) {
        if (!file.is_string() || file.get_ref<const std::string&>().empty()) continue;
        if (++count > k_named) continue;
        names += (names.empty() ? "" : ", ") + file.get<std::string>().substr(0, 80);
    }
    if (count == 0) return {};
    if (count > k_named) names += " and " + std::to_string(count - k_named) + " more";
    return "Firmware for some of this hardware is missing: " + names + ".";
}

}  // namespace

BootFacts parse_boot_facts(std::string_view text) {
    BootFacts facts;
    const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!root.is_object()) return facts;
    if (const auto client = root.find("client"); client != root.end() && client->is_object())
        facts.host = text_at(*client, "host");
    if (const auto network = root.find("network");
        network != root.end() && network->is_boolean() && !network->get<bool>())
        facts.notices.emplace_back("No network: logging in will not work. Check the cable.");
    if (const auto kvm = root.find("kvm"); kvm != root.end() && kvm->is_object()) {
        const auto usable = kvm->find("usable");
        if (usable != kvm->end() && usable->is_boolean() && !usable->get<bool>()) {
            const std::string why = text_at(*kvm, "why");
            facts.notices.push_back("This workstation cannot run virtual machines" +
                                    (why.empty() ? "." : ": " + why + "."));
        }
    }
    const std::string clock = text_at(root, "clock");
    if (clock == "unsynchronised")
        facts.notices.emplace_back("The clock may be wrong: no time server answered.");
    else if (clock == "waiting")
        facts.notices.emplace_back("The clock is being set.");
    if (text_at(root, "data") == "memory")
        facts.notices.emplace_back("No data disk: swap space is kept in memory.");
    if (const auto files = root.find("missing_firmware"); files != root.end() && files->is_array())
        if (auto notice = firmware_notice(*files); !notice.empty())
            facts.notices.push_back(std::move(notice));
    return facts;
}

std::string console_path(std::string_view line) {
    std::string path = "/dev/tty1";
    while (!line.empty()) {
        const auto end = line.find_first_of(" \n\t");
        std::string_view word = line.substr(0, end);
        line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
        constexpr std::string_view k_name = "berth.console=";
        if (!word.starts_with(k_name)) continue;
        word.remove_prefix(k_name.size());
        word = word.substr(0, word.find(','));  // "ttyS0,115200" as console= has it
        if (word.size() <= 32 && all_of(word, is_name_character)) path = "/dev/" + std::string(word);
    }
    return path;
}

bool is_virtual_terminal(std::string_view tty) {
    return tty.starts_with("/dev/tty") && all_of(tty.substr(8), is_digit);
}

std::string term_for(std::string_view tty) {
    return is_virtual_terminal(tty) ? "linux" : "vt220";
}

}  // namespace berth::supervisor
