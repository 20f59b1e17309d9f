// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/nic.h"

#include <algorithm>

#include "base/text.h"

namespace berth::boot {

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

}  // namespace berth::boot
