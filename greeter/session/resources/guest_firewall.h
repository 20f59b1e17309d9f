// SPDX-License-Identifier: GPL-3.0-or-later
// Keeps the guests of this workstation from what only the workstation may use: the file servers' port mapper,
// NFS and MOUNT, and the provisioner's boot port (docs/security.md "Users' guests on the LAN"). A guest on
// libvirt's NAT network has the workstation's address, which the exports admit, and AUTH_SYS proves nothing.
// Closed are addresses and ports, in what the workstation bridges and forwards: that is a guest's, never its own.
// What was closed stays closed until the workstation restarts, for the servers of earlier sessions too.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/nfs_types.h"
#include "base/report.h"
#include "base/result.h"

namespace berth::session {

/// A numeric address, as MountedServer has it, and a port of TCP and UDP.
using ClosedPoint = std::pair<std::string, uint16_t>;

/// A host that is known by its name or address only, and the ports of it that guests must not reach.
struct ClosedHost {
    std::string host;
    std::set<uint16_t> ports;
    friend bool operator==(const ClosedHost&, const ClosedHost&) = default;
};

/// The port mapper's port, NFS's usual one, and those two unless they are 0 (unknown). A server that says its
/// MOUNT is where DNS, DHCP or TFTP are has none there: they stay open.
std::set<uint16_t> closed_ports(uint16_t nfs_port, uint16_t mount_port);

/// Host and port of an http or https URL; nullopt: it has another form.
std::optional<ClosedHost> host_of_url(std::string_view url);

/// nft(8)'s input that closes `points` beside what is closed already; the same text again changes nothing.
/// H11 when an address is none.
Result<std::string> guest_firewall_script(const std::set<ClosedPoint>& points);

struct GuestFirewallConfig {
    std::string nft = "/usr/sbin/nft";  ///< Empty: nothing is closed (laboratories only).
    std::vector<ClosedHost> hosts;      ///< The provisioner, the template's server.
};

class GuestFirewall {
  public:
    GuestFirewall(GuestFirewallConfig config, Report& report) : config_(std::move(config)), report_(report) {}

    /// Returns when no guest reaches `servers`, or the configured hosts, any more. One of the latter whose
    /// name cannot be looked up within 3 s is reported and left out: a login does not depend on it. H11.
    Status close(const std::vector<MountedServer>& servers);

  private:
    GuestFirewallConfig config_;
    Report& report_;
};

}  // namespace berth::session
