// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/fd.h"
#include "server/berthctl.h"
#include "server/dnsmasq.h"
#include "server/ipxe_script.h"

namespace berth::server {
namespace {

struct NetworkArguments {
    DnsmasqOptions dnsmasq;
    std::string mode = "dhcp", range, url, script = "/usr/share/berth/boot.ipxe";
};

Status print_dnsmasq(NetworkArguments arguments) {
    auto& o = arguments.dnsmasq;
    o.mode = arguments.mode == "proxy" ? DhcpMode::proxy : DhcpMode::dhcp;
    const size_t comma = arguments.range.find(',');
    o.range_first = arguments.range.substr(0, comma);
    o.range_last = comma == std::string::npos ? "" : arguments.range.substr(comma + 1);
    const auto text = dnsmasq_settings(o);
    if (!text) return fail(text.error());
    fmt::print("{}", *text);
    return {};
}

Status print_script(const NetworkArguments& arguments) {
    const auto text = read_file(arguments.script);
    if (!text) return fail(text.error());
    const auto script = with_provisioner(*text, arguments.url);
    if (!script) return fail(script.error());
    fmt::print("{}", *script);
    return {};
}

}  // namespace

void add_network_commands(CLI::App& app, Ctl& ctl) {
    auto a = std::make_shared<NetworkArguments>();
    auto* dnsmasq = app.add_subcommand("dnsmasq", "print settings for dnsmasq");
    dnsmasq->add_option("--mode", a->mode, "dhcp: give addresses; proxy: only add to the site's DHCP server")
        ->check(CLI::IsMember({"dhcp", "proxy"}))
        ->capture_default_str();
    dnsmasq->add_option("--interface", a->dnsmasq.interface, "where the workstations are")->required();
    dnsmasq->add_option("--range", a->range, "dhcp: FIRST,LAST; proxy: the network's address")->required();
    dnsmasq->add_option("--server-ip", a->dnsmasq.server_ip, "this server's address there")->required();
    dnsmasq->add_option("--http-port", a->dnsmasq.http_port, "the provisioner's port")->capture_default_str();
    a->dnsmasq.tftp_root = "/srv/tftp";
    dnsmasq->add_option("--tftp-root", a->dnsmasq.tftp_root, "TFTP folder")->capture_default_str();
    dnsmasq->add_option("--ntp", a->dnsmasq.ntp, "time servers' addresses with commas between");
    dnsmasq->add_option("--router", a->dnsmasq.router, "default router");
    dnsmasq->callback([&ctl, a] { ctl.run = [a] { return print_dnsmasq(*a); }; });

    auto* script = app.add_subcommand("boot-script", "print boot.ipxe with the provisioner's URL in it, for a TFTP folder");
    script->add_option("--url", a->url, "the provisioner's URL, such as http://10.0.0.1:8080")->required();
    script->add_option("--ipxe", a->script, "the static script")->capture_default_str();
    script->callback([&ctl, a] { ctl.run = [a] { return print_script(*a); }; });
}

}  // namespace berth::server
