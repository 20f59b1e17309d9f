// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/nic.h"

#include <algorithm>

#include "base/machine_record.h"

namespace berth::boot {
namespace {

/// The word behind `before` up to a blank, if it may be a file's path below /lib/firmware.
std::string word_behind(std::string_view line, std::string_view before) {
    const size_t at = line.find(before);
    if (at == std::string_view::npos) return {};
    line.remove_prefix(at + before.size());
    const std::string_view word = line.substr(0, line.find_first_of(" \n"));
    const bool plain = !word.empty() && word.size() <= 256 &&
                       std::ranges::all_of(word, [](char c) { return c > ' ' && c < 0x7f; });
    return plain ? std::string(word) : std::string();
}

}  // namespace

std::optional<std::string> choose_nic(const std::vector<Nic>& nics, std::string_view wanted, bool settle) {
    std::vector<Nic> sorted = nics;
    std::ranges::sort(sorted, {}, &Nic::name);
    const auto it = std::ranges::find(sorted, wanted, &Nic::mac);
    if (!wanted.empty() && it != sorted.end() && it->carrier) return it->name;
    if (!wanted.empty() && settle) return std::nullopt;
    for (const auto& nic : sorted)
        if (nic.carrier) return nic.name;
    return std::nullopt;
}

std::string resolv_conf(std::string_view net_conf) {
    std::string out;
    while (!net_conf.empty()) {
        const size_t end = net_conf.find('\n');
        std::string_view line = net_conf.substr(0, end);
        net_conf.remove_prefix(end == std::string_view::npos ? net_conf.size() : end + 1);
        const size_t equals = line.find('=');
        if (equals == std::string_view::npos) continue;
        const std::string_view name = line.substr(0, equals);
        std::string_view value = line.substr(equals + 1);
        if (value.size() >= 2 && (value.front() == '\'' || value.front() == '"') &&
            value.back() == value.front())
            value = value.substr(1, value.size() - 2);
        if (!is_host_or_address(value) || value == "0.0.0.0") continue;
        if (name == "IPV4DNS0" || name == "IPV4DNS1") out += fmt::format("nameserver {}\n", value);
        if (name == "DNSDOMAIN") out += fmt::format("search {}\n", value);
    }
    return out;
}

std::vector<std::string> missing_firmware(std::string_view kernel_log) {
    std::vector<std::string> files;
    while (!kernel_log.empty()) {
        const size_t end = kernel_log.find('\n');
        const std::string_view line = kernel_log.substr(0, end);
        kernel_log.remove_prefix(end == std::string_view::npos ? kernel_log.size() : end + 1);
        std::string file;
        if (line.find("firmware: failed to load ") != std::string_view::npos)
            file = word_behind(line, "firmware: failed to load ");
        else if (line.find(" failed with error ") != std::string_view::npos)
            file = word_behind(line, "Direct firmware load for ");
        if (!file.empty() && std::ranges::find(files, file) == files.end()) files.push_back(file);
    }
    return files;
}

}  // namespace berth::boot
