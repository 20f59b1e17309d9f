// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/resources/guest_firewall.h"

#include <arpa/inet.h>
#include <poll.h>

#include <algorithm>
#include <memory>

#include "base/clock.h"
#include "base/plain_text.h"
#include "base/spawn.h"
#include "base/text.h"
#include "files/nfs/server_addresses.h"

namespace berth::session {
namespace {

constexpr Duration k_look_up = std::chrono::seconds(3), k_nft = std::chrono::seconds(20);
constexpr uint16_t k_port_mapper = 111, k_nfs = 2049;
/// DNS, DHCP, TFTP, DHCPv6.
constexpr uint16_t k_always_open[] = {53, 67, 69, 547};

enum class Family { none, ip4, ip6 };

Family family_of(const std::string& address) {
    if (is_ipv4(address)) return Family::ip4;
    return is_ipv6(address) ? Family::ip6 : Family::none;
}

}  // namespace

std::set<uint16_t> closed_ports(uint16_t nfs_port, uint16_t mount_port) {
    std::set<uint16_t> ports{k_port_mapper, k_nfs, nfs_port, mount_port};
    ports.erase(0);
    for (const uint16_t open : k_always_open) ports.erase(open);
    return ports;
}

std::optional<ClosedHost> host_of_url(std::string_view url) {
    uint16_t port = 80;
    if (url.starts_with("https://"))
        port = 443;
    else if (!url.starts_with("http://"))
        return std::nullopt;
    url.remove_prefix(url.find("//") + 2);
    auto authority = parse_authority(url.substr(0, url.find('/')));
    if (!authority) return std::nullopt;
    return ClosedHost{std::move(authority->host), {authority->port.value_or(port)}};
}

Result<std::string> guest_firewall_script(const std::set<ClosedPoint>& points) {
    std::string elements;
    for (const auto& [address, port] : points) {
        const Family family = family_of(address);
        if (family == Family::none)
            return fail(ErrorCode::H11, "\"{}\": must be an address", printable(address, 80));
        for (const char* table : {"bridge", "inet"})
            elements += fmt::format("add element {} berth_guests closed{} {{ {} . {} }}\n", table,
                                    family == Family::ip4 ? 4 : 6, address, port);
    }
    // One transaction: the chains are never seen empty.
    std::string script;
    for (const auto& [table, hook] : {std::pair("bridge", "prerouting"), std::pair("inet", "forward")}) {
        script += fmt::format(
            "add table {0} berth_guests\n"
            "add set {0} berth_guests closed4 {{ type ipv4_addr . inet_service; }}\n"
            "add set {0} berth_guests closed6 {{ type ipv6_addr . inet_service; }}\n"
            "add chain {0} berth_guests guests {{ type filter hook {1} priority filter; policy accept; }}\n"
            "flush chain {0} berth_guests guests\n"
            "add rule {0} berth_guests guests meta l4proto {{ tcp, udp }} ip daddr . th dport @closed4 drop\n"
            "add rule {0} berth_guests guests meta l4proto {{ tcp, udp }} ip6 daddr . th dport @closed6 "
            "drop\n",
            table, hook);
    }
    return script + elements;
}

Status GuestFirewall::close(const std::vector<MountedServer>& servers) {
    if (config_.nft.empty()) return {};
    std::set<ClosedPoint> points;
    for (const auto& server : servers)
        for (const auto& address : server.addresses)
            for (const uint16_t port : closed_ports(server.nfs_port, server.mount_port))
                points.emplace(address, port);

    struct LookUp {
        files::ServerAddresses addresses;
        std::shared_ptr<files::ServerAddresses::Pending> pending;
    };
    std::vector<LookUp> look_ups;
    for (const auto& host : config_.hosts) {
        look_ups.push_back({files::ServerAddresses(host.host), nullptr});
        look_ups.back().pending = look_ups.back().addresses.look_up();
    }
    SystemClock clock;
    const BootTime until = clock.now() + k_look_up;
    for (size_t i = 0; i < look_ups.size(); ++i) {
        if (const auto& pending = look_ups[i].pending) {
            pollfd done{pending->fd(), POLLIN, 0};
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock.now()).count();
            poll(&done, 1, static_cast<int>(std::max<int64_t>(left, 0)));
        }
        const auto known = look_ups[i].addresses.known();
        if (known.empty())
            report_.event(Level::warning, "guests are not kept from a host whose name is not found",
                          {{"host", config_.hosts[i].host}});
        for (const auto& address : known)
            for (const uint16_t port : config_.hosts[i].ports) points.emplace(address.text(), port);
    }

    auto script = BERTH_TRY(guest_firewall_script(points));
    auto done = run_checked({.arguments = {config_.nft, "-f", "-"}}, k_nft, script);
    return done ? Status{} : fail(ErrorCode::H11, "{}", done.error().to_log());
}

}  // namespace berth::session
