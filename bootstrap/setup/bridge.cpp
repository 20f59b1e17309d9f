// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/setup/bridge.h"

#include <fmt/format.h>

namespace berth::boot {

std::vector<NetworkFile> bridge_files(std::string_view bridge, std::string_view mac) {
    return {
        {"50-berth-bridge.netdev", fmt::format("[NetDev]\nName={}\nKind=bridge\nMACAddress={}\n\n"
                                               "[Bridge]\nSTP=no\nForwardDelaySec=0\n",
                                               bridge, mac)},
        // The same lease as the card had; bound to the MAC, as the bootstrap's was.
        {"50-berth-bridge.network",
         fmt::format("[Match]\nName={}\n\n"
                     "[Network]\nDHCP=yes\nLinkLocalAddressing=ipv6\nLLDP=no\n\n"
                     "[DHCPv4]\nClientIdentifier=mac\nUseHostname=no\nUseNTP=yes\nUseDomains=yes\n\n"
                     "[Link]\nRequiredForOnline=routable\n",
                     bridge)},
        // Kind: the bridge has the same MAC.
        {"60-berth-port.network", fmt::format("[Match]\nMACAddress={}\nKind=!*\n\n"
                                              "[Network]\nBridge={}\nLinkLocalAddressing=no\nLLDP=no\n\n"
                                              "[Link]\nRequiredForOnline=no\n",
                                              mac, bridge)},
    };
}

}  // namespace berth::boot
