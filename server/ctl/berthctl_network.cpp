// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/fd.h"
#include "base/output.h"
#include "server/boot/dnsmasq.h"
#include "server/boot/ipxe_script.h"
#include "server/ctl/berthctl.h"
#include "server/model/text.h"

namespace berth::server {
namespace {

struct NetworkArguments {
    DnsmasqOptions dnsmasq;
    std::string mode = "dhcp", range, url, script;
};

Status print_file(const std::string& text) {
    return say_file(text) ? Status() : fail_errno("write");
}

Status print_dnsmasq(NetworkArguments arguments) {
    auto& o = arguments.dnsmasq;
    o.mode = arguments.mode == "proxy" ? DhcpMode::proxy : DhcpMode::dhcp;
    const size_t comma = arguments.range.find(',');
    if (constexpr std::string_view k_scheme = "http://"; !arguments.url.empty()) {
        const size_t colon = arguments.url.rfind(':');
        const bool has_port = colon > k_scheme.size();
        if (!is_base_url(arguments.url))
            return fail(ErrorCode::P06, "url \"{}\": must be http://ADDRESS:PORT", arguments.url);
        o.server_ip =
            arguments.url.substr(k_scheme.size(), has_port ? colon - k_scheme.size() : std::string::npos);
        o.http_port = has_port ? static_cast<uint16_t>(std::stoi(arguments.url.substr(colon + 1))) : 80;
    }
    o.range_first = arguments.range.substr(0, comma);
    o.range_last = comma == std::string::npos ? "" : arguments.range.substr(comma + 1);
    const auto text = dnsmasq_settings(o);
    if (!text) return fail(text.error());
    return print_file(*text);
}

Status print_script(const NetworkArguments& arguments) {
    std::string text(built_in_boot_ipxe());
    if (!arguments.script.empty()) {
        auto own = read_file(arguments.script);
        if (!own) return fail(own.error());
        text = std::move(*own);
    }
    const auto script = with_provisioner(text, arguments.url);
    if (!script) return fail(script.error());
    return print_file(*script);
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
    auto* server_ip = dnsmasq->add_option("--server-ip", a->dnsmasq.server_ip, "this server's address there");
    auto* port = dnsmasq->add_option("--http-port", a->dnsmasq.http_port, "the provisioner's port")
                     ->capture_default_str();
    dnsmasq->add_option("--url", a->url, "instead of these two: http://ADDRESS:PORT")
        ->excludes(server_ip)
        ->excludes(port);
    dnsmasq->add_option("--tftp-root", a->dnsmasq.tftp_root,
                        "TFTP folder; without: only clients that already are iPXE, by HTTP");
    dnsmasq->add_option("--ntp", a->dnsmasq.ntp, "time servers' addresses with commas between");
    dnsmasq->add_option("--router", a->dnsmasq.router, "default router");
    dnsmasq->callback([&ctl, a] { ctl.run = [a] { return print_dnsmasq(*a); }; });

    auto* script = app.add_subcommand("boot-script",
                                      "print boot.ipxe with the provisioner's URL in it, for a TFTP folder");
    script->add_option("--url", a->url, "the provisioner's URL, such as http://10.0.0.1:8080")->required();
    script->add_option("--ipxe", a->script, "another script than the built-in one");
    script->callback([&ctl, a] { ctl.run = [a] { return print_script(*a); }; });
}

}  // namespace berth::server
