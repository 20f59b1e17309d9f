// SPDX-License-Identifier: GPL-3.0-or-later
// The host bridge that the workstation's record offers to virtual machines (machine.toml(5) "network"): the
// card that has the address becomes its port, and the bridge takes over the card's MAC and so its lease.
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace berth::boot {

/// A file below /run/systemd/network (systemd.netdev(5), systemd.network(5)).
struct NetworkFile {
    std::string name;
    std::string text;
};

/// What makes systemd-networkd build `bridge` over the card with that MAC ("52:54:00:12:34:56"). Both names
/// were checked where they came from. They come before the image's own 80-ethernet.network.
std::vector<NetworkFile> bridge_files(std::string_view bridge, std::string_view mac);

}  // namespace berth::boot
