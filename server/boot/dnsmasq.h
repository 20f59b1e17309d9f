// SPDX-License-Identifier: GPL-3.0-or-later
// Settings for dnsmasq(8), which brings firmware to iPXE and iPXE to boot.ipxe. A pure function,
// golden-tested. Two ways: dnsmasq is the network's DHCP server, or it only adds the boot answers beside the
// site's own one (proxy DHCP, PXE 2.1 section 2.2).
#pragma once

#include <string>

#include "base/result.h"

namespace berth::server {

enum class DhcpMode { dhcp, proxy };

struct DnsmasqOptions {
    DhcpMode mode = DhcpMode::dhcp;
    std::string interface;
    std::string range_first, range_last;  ///< DhcpMode::dhcp: the addresses to give. In proxy mode
                                          ///< range_first is the network's address.
    std::string server_ip;  ///< Of the provisioner, which must also be dnsmasq's here: it serves TFTP.
    uint16_t http_port = 8080;
    /// Holds undionly.kpxe, ipxe.efi (Debian package ipxe) and boot.ipxe. Empty: no TFTP; what already is
    /// iPXE gets boot.ipxe from the provisioner by HTTP, other firmware nothing, and without the provisioner
    /// there is no script that could fall back in time.
    std::string tftp_root;
    std::string ntp;     ///< DhcpMode::dhcp: addresses with commas between, or empty.
    std::string router;  ///< DhcpMode::dhcp: default router, or empty for none.
};

/// P06 naming option and range.
Result<std::string> dnsmasq_settings(const DnsmasqOptions& options);

}  // namespace berth::server
