// SPDX-License-Identifier: GPL-3.0-or-later
// Which network card, and what DHCP said. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berth::boot {

struct Nic {
    std::string name;
    std::string mac;
    bool carrier = false;
};

/// The card whose MAC is `wanted`, once it has a carrier; when none is wanted, or it is not there and
/// `settle` is false (waited long enough), the first by name with a carrier. nullopt: none yet.
std::optional<std::string> choose_nic(const std::vector<Nic>& nics, std::string_view wanted, bool settle);

/// From the file that klibc's ipconfig leaves in /run/net-NAME.conf (shell assignments): name servers and
/// domain as resolv.conf(5) wants them. Anything that is neither an address nor a name is left out.
std::string resolv_conf(std::string_view net_conf);

}  // namespace berth::boot
